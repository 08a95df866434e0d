// The distinct words of a corpus and how often each occurs: all that training a BPE model needs of it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/fast_splitter.h"
#include "tokenizer/literal_matcher.h"
#include "tokenizer/pre_tokenizer.h"

namespace saker {

struct CountedWord {
  std::string bytes;
  int64_t count;
  bool operator==(const CountedWord&) const = default;
};

// Cuts as encoding does: at special tokens, then into words. Texts are counted in batches, whose texts the threads
// share; the counts do not depend on how.
class WordCounter {
 public:
  // Throws unsupported for stages without a hand-written cutter (fast_splitter.h). `special_tokens`: distinct, none
  // empty. `threads`: at least 1.
  WordCounter(const PreTokenizer& pre_tokenizer, const std::vector<std::string>& special_tokens, int threads);

  // Adds a text (valid UTF-8).
  void add(std::string_view text);

  // Counts what is left and returns every word of the texts, in the order of their bytes. Called once, last.
  std::vector<CountedWord> finish();

  // Of the texts added so far; of special tokens those in batches already counted, all of them after finish().
  int64_t bytes() const noexcept { return bytes_; }
  int64_t special_tokens() const noexcept;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Counts = std::unordered_map<std::string, int64_t, Hash, std::equal_to<>>;
  struct Share {  // of one thread
    Counts words;
    int64_t special_tokens = 0;
  };

  void count_batch();
  void count_text(std::string_view text, Share& share) const;

  FastSplitter splitter_;
  LiteralMatcher special_;
  std::vector<Share> shares_;
  std::string batch_;
  std::vector<size_t> ends_;  // of the texts in batch_
  int64_t bytes_ = 0;
};

}  // namespace saker
