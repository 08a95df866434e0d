// How a text is cut into the words inside which merges happen.
//
// Two ways to the same words. `PreTokenizer` does each stage in turn as the reference library defines it, on strings;
// it knows every stage and is the specification. `FastSplitter` (fast_splitter.h) knows the stages of the tokenizers
// that people use and cuts in one pass; tests hold it equal to this one.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tokenizer/pattern.h"
#include "tokenizer/split.h"

namespace saker {

// Cuts by the GPT-2 expression if `use_regex`, then replaces every byte by its symbol (byte_alphabet.h): the stages
// behind it see symbols.
struct ByteLevelStage {
  bool add_prefix_space;
  bool use_regex;
};
struct DigitsStage {
  bool individual;
};
struct PunctuationStage {
  SplitBehavior behavior;
};
struct SplitStage {
  Pattern pattern;
  SplitBehavior behavior;
  bool invert;
};
using PreTokenizerStage = std::variant<ByteLevelStage, DigitsStage, PunctuationStage, SplitStage>;

// What ByteLevel cuts by.
inline constexpr std::string_view gpt2_expression =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class PreTokenizer {
 public:
  PreTokenizer() = default;

  // null, ByteLevel, Digits, Punctuation, Split, or a Sequence of these. Throws Error for any other.
  static PreTokenizer from_json(const nlohmann::json& value);

  // The words of `text` (valid UTF-8), none empty.
  std::vector<std::string> words(std::string_view text) const;

  const std::vector<PreTokenizerStage>& stages() const noexcept { return stages_; }

  // Whether the words consist of byte symbols, and of nothing else.
  bool yields_byte_symbols() const noexcept;

 private:
  void add(const nlohmann::json& value, int depth);

  std::vector<PreTokenizerStage> stages_;
};

}  // namespace saker
