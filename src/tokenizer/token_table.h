// What each id stands for: its token and the bytes that decoding appends for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/decoder.h"
#include "tokenizer/vocabulary.h"

namespace saker {

class TokenTable {
 public:
  TokenTable(const Vocabulary& vocabulary, const AddedTokens& added, const Decoder& decoder);

  int32_t id_end() const noexcept { return static_cast<int32_t>(rows_.size()); }

  // Of any integer; an id without a token is in no table: no token, no bytes, not special.
  bool has(int64_t id) const noexcept { return id >= 0 && id < id_end() && rows_[static_cast<size_t>(id)].present; }
  bool is_special(int64_t id) const noexcept { return has(id) && rows_[static_cast<size_t>(id)].special; }
  std::string_view token(int64_t id) const noexcept;
  std::string_view bytes(int64_t id) const noexcept;

 private:
  struct Row {
    uint32_t token_begin = 0, token_end = 0, bytes_begin = 0, bytes_end = 0;  // in text_
    bool present = false, special = false;
  };

  std::vector<Row> rows_;
  std::string text_;
};

}  // namespace saker
