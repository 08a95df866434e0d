#include "tokenizer/token_table.h"

#include <algorithm>

#include "core/error.h"

namespace saker {

TokenTable::TokenTable(const Vocabulary& vocabulary, const AddedTokens& added, const Decoder& decoder) {
  const int32_t end = std::max(vocabulary.id_end(), added.id_end());
  rows_.resize(static_cast<size_t>(end));
  for (int32_t id = 0; id < end; ++id) {
    const AddedToken* added_token = added.find(int64_t{id});
    // The reference library decodes an added token from what it looked for in the text.
    const std::string* token = added_token ? &added_token->matched : vocabulary.token(id);
    if (!token) continue;
    Row& row = rows_[static_cast<size_t>(id)];
    const AddedToken* by_text = added.find(*token);
    row.present = true;
    row.special = by_text && by_text->special;
    row.token_begin = static_cast<uint32_t>(text_.size());
    text_ += *token;
    row.token_end = row.bytes_begin = static_cast<uint32_t>(text_.size());
    decoder.append_bytes(*token, text_);
    row.bytes_end = static_cast<uint32_t>(text_.size());
    SAKER_CHECK(text_.size() < UINT32_MAX / 2, ErrorCode::unsupported,
                "[tokenizer] the vocabulary is larger than 2 GiB");
  }
}

std::string_view TokenTable::token(int64_t id) const noexcept {
  if (!has(id)) return {};
  const Row& row = rows_[static_cast<size_t>(id)];
  return std::string_view(text_).substr(row.token_begin, row.token_end - row.token_begin);
}

std::string_view TokenTable::bytes(int64_t id) const noexcept {
  if (!has(id)) return {};
  const Row& row = rows_[static_cast<size_t>(id)];
  return std::string_view(text_).substr(row.bytes_begin, row.bytes_end - row.bytes_begin);
}

}  // namespace saker
