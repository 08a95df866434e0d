// Trains a byte-level BPE tokenizer on texts: words as Falcon's tokenizer cuts them, merges by bpe_trainer.h.
//
//   TokenizerTrainer trainer({.vocab_size = 4096});
//   trainer.add("Once upon a time");
//   const std::string file = trainer.train([](int64_t) {}).json;
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/bpe_trainer.h"
#include "tokenizer/word_counter.h"

namespace saker {

struct TokenizerTraining {
  int64_t vocab_size = 0;                        // special tokens, the 256 bytes, and a product for each merge
  int64_t min_count = 2;                         // a pair that occurs less often does not merge
  std::vector<std::string> special_tokens = {};  // behind "<|endoftext|>", which is always there
  int threads = 1;
};

struct TrainedTokenizer {
  std::string json;              // tokenizer.json
  std::vector<BpeMerge> merges;  // ids of bpe_trainer.h
  int64_t vocab_size;            // less than asked for when the texts hold no more pairs
  int64_t words;                 // distinct
  int64_t bytes, tokens;         // of the texts, special tokens included
};

class TokenizerTrainer {
 public:
  // Ids: "<|endoftext|>" 0, other special tokens in their order, the 256 bytes in the order of their symbols, products
  // in the order of their merges. Every text survives, for every byte has a token.
  // Throws invalid_argument for a vocabulary too small for the bytes and special tokens, for counts below 1, and for
  // special tokens that are empty, too long, not UTF-8, twice there, or the symbol of a byte.
  explicit TokenizerTrainer(const TokenizerTraining& training);

  // Adds a text (valid UTF-8). Special tokens in it are left out.
  void add(std::string_view text) { counter_.add(text); }
  int64_t bytes() const noexcept { return counter_.bytes(); }

  // Called once, last; the same result for any number of threads. Progress as in train_bpe. Throws invalid_argument if
  // there was no text.
  TrainedTokenizer train(const std::function<void(int64_t)>& progress);

 private:
  std::string json(const std::vector<BpeMerge>& merges) const;

  TokenizerTraining training_;
  std::vector<std::string> special_tokens_;
  WordCounter counter_;
};

}  // namespace saker
