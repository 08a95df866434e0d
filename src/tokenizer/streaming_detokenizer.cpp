#include "tokenizer/streaming_detokenizer.h"

#include <utility>

#include "tokenizer/utf8.h"

namespace saker {
namespace {

// Length of `bytes` without a character that begins and does not end at its end.
size_t settled_length(std::string_view bytes) {
  const size_t last = bytes.size() < 4 ? 0 : bytes.size() - 3;
  for (size_t at = bytes.size(); at-- > last;) {
    if ((static_cast<unsigned char>(bytes[at]) & 0xC0) == 0x80) continue;  // the lead byte is farther left
    const bool truncated = utf8::first_sequence(bytes.substr(at)).kind == utf8::Kind::truncated;
    return truncated ? at : bytes.size();
  }
  return bytes.size();
}

}  // namespace

std::string StreamingDetokenizer::push(int32_t id) {
  if (!tokenizer_->id_to_token(id) || (skip_special_tokens_ && tokenizer_->is_special(id))) return {};
  if (!std::exchange(first_, false)) waiting_ += tokenizer_->token_separator();
  waiting_ += tokenizer_->token_bytes(id);
  const size_t settled = settled_length(waiting_);
  std::string text;
  utf8::append_lossy(std::string_view(waiting_).substr(0, settled), text);
  waiting_.erase(0, settled);
  return text;
}

std::string StreamingDetokenizer::flush() {
  std::string text;
  utf8::append_lossy(waiting_, text);
  waiting_.clear();
  first_ = true;
  return text;
}

}  // namespace saker
