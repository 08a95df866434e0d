// Training byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909) on counted words: the most frequent pair of
// neighbouring symbols becomes a symbol, again and again.
//
// Of pairs that are equally frequent the one with the lower left id merges, then the one with the lower right id: the
// merges are a function of the words' counts. A pair whose bytes are a token already, made of other halves, is left
// alone: every token has one way to be made, so that encoding does the merges that training did.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/word_counter.h"

namespace saker {

// Ids of symbols: the bytes in the order of their symbols in the byte alphabet (byte_alphabet::ordered), then the
// product of merge k has the id 256 + k.
struct BpeMerge {
  int32_t left, right;
  bool operator==(const BpeMerge&) const = default;
};

struct BpeTraining {
  size_t most_merges = 0;
  int64_t min_count = 1;                // a pair that occurs less often does not merge; at least 1
  std::vector<std::string> taken = {};  // bytes that no product may spell
};

struct TrainedBpe {
  std::vector<BpeMerge> merges;  // fewer than asked for when no pair is left
  int64_t tokens;                // that the words become, each as often as it counts
};

// Calls progress(merges so far) now and then; what it throws passes through.
// Throws unsupported for words of more than 2^32 - 1 bytes together.
// Cost: n for the words' bytes, then for each merge its occurrences in distinct words, times a logarithm.
TrainedBpe train_bpe(std::span<const CountedWord> words, const BpeTraining& training,
                     const std::function<void(int64_t)>& progress);

}  // namespace saker
