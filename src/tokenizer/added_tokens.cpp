#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/unicode.h"
#include "tokenizer/utf8.h"

namespace saker {
namespace {

AddedToken token_from_json(const nlohmann::json& value) {
  const JsonObject object(value, "added_tokens");
  object.allow_only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  AddedToken token{.id = token_id_from_json(object.at("id"), "added_tokens: \"id\""),
                   .content = object.string("content"),
                   .single_word = object.boolean("single_word"),
                   .lstrip = object.boolean("lstrip"),
                   .rstrip = object.boolean("rstrip"),
                   .normalized = object.boolean("normalized"),
                   .special = object.boolean("special"),
                   .matched = {}};
  SAKER_CHECK(token.content.size() <= added_token_length_limit, ErrorCode::unsupported,
              "[tokenizer] added_tokens: {} is longer than {} bytes", saker::quoted(token.content, 20),
              added_token_length_limit);
  return token;
}

// Where the white space at the end of `text` begins.
size_t trailing_space(std::string_view text) {
  while (!text.empty()) {
    const auto [c, length] = utf8::decode_last(text);
    if (!unicode::is_space(c)) break;
    text.remove_suffix(length);
  }
  return text.size();
}

size_t leading_space(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const auto [c, length] = utf8::decode(text.data() + at);
    if (!unicode::is_space(c)) break;
    at += length;
  }
  return at;
}

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  const bool word_before = begin > 0 && unicode::is_word(utf8::decode_last(text.substr(0, begin)).code_point);
  const bool word_after = end < text.size() && unicode::is_word(utf8::decode(text.data() + end).code_point);
  return !word_before && !word_after;
}

}  // namespace

AddedTokens AddedTokens::from_json(const nlohmann::json& value, const Vocabulary& vocabulary,
                                   const Normalizer& normalizer) {
  SAKER_CHECK(value.is_array(), ErrorCode::corrupt_data, "[tokenizer] added_tokens: expected an array, found {}",
              value.type_name());
  AddedTokens added;
  auto next_id = static_cast<int32_t>(vocabulary.size());
  std::string buffer;
  for (const auto& element : value) {
    AddedToken token = token_from_json(element);
    if (token.content.empty()) continue;  // as in the reference library
    token.matched = token.normalized ? normalizer.apply(token.content, buffer) : token.content;
    if (const AddedToken* same = added.find(token.content)) {
      SAKER_CHECK(*same == token, ErrorCode::corrupt_data, "[tokenizer] added_tokens: {} is there twice",
                  saker::quoted(token.content));
      continue;
    }
    const auto known = vocabulary.id(token.content);
    const int32_t id = known ? *known : next_id++;
    SAKER_CHECK(id == token.id, ErrorCode::corrupt_data,
                "[tokenizer] added_tokens: {} has id {} in the file, but its place makes it {}",
                saker::quoted(token.content), token.id, id);
    added.by_content_.emplace(token.content, added.tokens_.size());
    added.by_id_.emplace(token.id, added.tokens_.size());
    added.tokens_.push_back(std::move(token));
  }
  added.build_matchers();
  return added;
}

void AddedTokens::build_matchers() {
  std::vector<std::pair<std::string, int32_t>> raw, normalized;
  std::unordered_map<std::string_view, bool> seen;
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    SAKER_CHECK(!token.matched.empty(), ErrorCode::unsupported,
                "[tokenizer] added_tokens: the normal form of {} is empty", saker::quoted(token.content));
    SAKER_CHECK(!token.normalized || seen.emplace(token.matched, true).second, ErrorCode::unsupported,
                "[tokenizer] added_tokens: {} has the normal form of another token", saker::quoted(token.content));
    (token.normalized ? normalized : raw).emplace_back(token.matched, static_cast<int32_t>(i));
  }
  raw_ = LiteralMatcher(std::move(raw));
  normalized_ = LiteralMatcher(std::move(normalized));
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto found = by_content_.find(content);
  return found == by_content_.end() ? nullptr : &tokens_[found->second];
}

const AddedToken* AddedTokens::find(int64_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

int32_t AddedTokens::id_end() const noexcept {
  int32_t end = 0;
  for (const AddedToken& token : tokens_) end = std::max(end, token.id + 1);
  return end;
}

// Matches do not overlap, but the white space that rstrip takes may reach into the next one; the arithmetic then is the
// reference library's.
void AddedTokens::cut(std::string_view text, const LiteralMatcher& matcher, std::vector<AddedPiece>& out) const {
  size_t covered = 0;
  const auto append = [&](size_t begin, size_t end, int32_t id) {
    if (begin < end) out.push_back({text.substr(begin, end - begin), id});
  };
  LiteralMatcher::Match match;
  for (size_t from = 0; !matcher.empty() && matcher.find(text, from, match);) {
    from = match.end;
    const AddedToken& token = tokens_[static_cast<size_t>(match.value)];
    if (token.single_word && !stands_alone(text, match.begin, match.end)) continue;
    const size_t begin = token.lstrip ? std::max(trailing_space(text.substr(0, match.begin)), covered) : match.begin;
    const size_t end = token.rstrip ? match.end + leading_space(text.substr(match.end)) : match.end;
    append(covered, begin, -1);
    append(begin, end, token.id);
    covered = end;
  }
  append(covered, text.size(), -1);
}

}  // namespace saker
