// Tokens found in the text itself, before it is cut into words: special tokens and others that were added to a model.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/literal_matcher.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/vocabulary.h"

namespace saker {

struct AddedToken {
  int32_t id;
  std::string content;
  bool single_word;     // only where no word character stands beside it
  bool lstrip;          // takes the white space before it
  bool rstrip;          // takes the white space after it
  bool normalized;      // is looked for in the normalised text, in its own normalised form
  bool special;         // decoding can skip it
  std::string matched;  // what is looked for: the content or its normal form

  bool operator==(const AddedToken&) const = default;
};

// A piece of a text: an added token, or text between two.
struct AddedPiece {
  std::string_view text;
  int32_t id;  // -1: text
};

// Longest content: bounds the cost of a search.
inline constexpr size_t added_token_length_limit = 1024;

class AddedTokens {
 public:
  AddedTokens() = default;

  // The array "added_tokens". A token whose content the vocabulary has gets that id, any other the next id behind the
  // vocabulary; an id in the file that says otherwise is an error.
  static AddedTokens from_json(const nlohmann::json& value, const Vocabulary& vocabulary, const Normalizer& normalizer);

  // Cuts raw text at the tokens that are looked for as they are (`normalized` false), normalised text at the others.
  // Appends pieces, none empty, to `out`.
  void cut_raw(std::string_view text, std::vector<AddedPiece>& out) const { cut(text, raw_, out); }
  void cut_normalized(std::string_view text, std::vector<AddedPiece>& out) const { cut(text, normalized_, out); }

  const std::vector<AddedToken>& tokens() const noexcept { return tokens_; }
  const AddedToken* find(std::string_view content) const;
  const AddedToken* find(int64_t id) const;

  // One more than the highest id; 0 if there is no token.
  int32_t id_end() const noexcept;

 private:
  struct ContentHash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  void cut(std::string_view text, const LiteralMatcher& matcher, std::vector<AddedPiece>& out) const;
  void build_matchers();

  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string, size_t, ContentHash, std::equal_to<>> by_content_;
  std::unordered_map<int64_t, size_t> by_id_;
  LiteralMatcher raw_, normalized_;  // values: indices of tokens_
};

}  // namespace saker
