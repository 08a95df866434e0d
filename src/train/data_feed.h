// The batches of a run, stage by stage, from a position that can be saved.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/recipe.h"

namespace saker {

// A document, or the part of one that is in a row.
struct Piece {
  int64_t begin, length, row;  // tokens [begin, begin + length) of the batch
  int32_t source;
  int64_t document;
  bool continues, unfinished;
};

// `rows` rows of `context` tokens; labels[t] is what token t predicts.
struct Batch {
  int64_t rows, context;
  std::vector<int32_t> ids, labels;  // [rows * context]
  std::vector<Piece> pieces;
};

class DataFeed {
 public:
  explicit DataFeed(const Recipe& recipe);
  ~DataFeed();

  const std::vector<std::string>& sources() const noexcept;
  std::string tokenizer_json() const;

  void enter_stage(size_t stage);
  Batch next(int64_t rows);
  nlohmann::json position() const;
  void restore(const nlohmann::json& position);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace saker
