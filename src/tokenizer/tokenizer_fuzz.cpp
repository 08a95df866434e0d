// libFuzzer target: a tokenizer.json that nobody checked, then text through it. The input is the file; what follows its
// first NUL byte, if any, is text to encode.

#include <cstdlib>
#include <string>

#include "tokenizer/fuzz_input.h"
#include "tokenizer/streaming_detokenizer.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/utf8.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_decoding(const saker::Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  for (const bool skip : {false, true}) {
    const std::string text = tokenizer.decode(ids, skip);
    require(saker::utf8::find_invalid(text) == std::string::npos);
    saker::StreamingDetokenizer stream(tokenizer, skip);
    std::string streamed;
    for (const int32_t id : ids) streamed += stream.push(id);
    require(streamed + stream.flush() == text);
  }
}

void run(std::string_view json, std::string_view text) {
  const auto tokenizer = saker::Tokenizer::from_json(json);
  for (const std::string_view sample :
       {text, std::string_view("Hello  <s> it's 1234 a\u0301 \u00BD\n\n \U0001F600!?")}) {
    const std::vector<int32_t> ids = tokenizer.encode(sample, true);
    require(tokenizer.encode(sample, true) == ids);  // from the cache of words
    check_decoding(tokenizer, ids);
  }
  check_decoding(tokenizer, {-1, 0, 1, 2, 3, 255, 256, 1 << 30});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  saker::run_two_texts(data, size, run);
  return 0;
}
