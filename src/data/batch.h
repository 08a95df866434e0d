// What a step of training reads: rows of equal length, cut from documents.
#pragma once

#include <cstdint>
#include <vector>

namespace saker {

// A document, or the part of one that is in a row.
struct Piece {
  int64_t begin, length, row;  // tokens [begin, begin + length) of the batch
  int32_t source;              // index in TokenDataset::manifest().sources
  int64_t document;            // of the source
  bool continues;              // its beginning was in an earlier row
  bool unfinished;             // its rest is in a later row
};

// `rows` rows of `context` tokens, row-major; labels[t] is what token t predicts.
struct Batch {
  int64_t rows, context;
  std::vector<int32_t> ids, labels;  // [rows * context]
  std::vector<Piece> pieces;         // in the order of their tokens, which they cover without gaps
};

}  // namespace saker
