// Text from ids that come one by one, as it becomes certain.
#pragma once

#include <cstdint>
#include <string>

#include "tokenizer/tokenizer.h"

namespace saker {

// What push() and flush() return, put together, is tokenizer.decode(all ids, skip_special_tokens).
class StreamingDetokenizer {
 public:
  // `tokenizer` must outlive this object.
  StreamingDetokenizer(const Tokenizer& tokenizer, bool skip_special_tokens)
      : tokenizer_(&tokenizer), skip_special_tokens_(skip_special_tokens) {}

  // The text that can be shown now: whole characters. The bytes of a character that is not complete wait.
  std::string push(int32_t id);

  // The end of the text: U+FFFD if a character has begun and not ended, else nothing. Ready for a new text after it.
  std::string flush();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_tokens_;
  bool first_ = true;
  std::string waiting_;  // the beginning of a character
};

}  // namespace saker
