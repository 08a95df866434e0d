// libFuzzer target: a chat template that nobody checked, with messages. The input is the template; what follows its
// first NUL byte, if any, is JSON with messages. Whatever it is ends in bounds, with valid UTF-8 or saker::Error.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "tokenizer/fuzz_input.h"
#include "tokenizer/jinja/evaluator.h"
#include "tokenizer/jinja/json_reader.h"
#include "tokenizer/jinja/parser.h"
#include "tokenizer/utf8.h"

namespace {

constexpr std::string_view kMessages = R"([{"role": "system", "content": " Be  brief.\n"},
    {"role": "user", "content": "Gr\u00fc\u00dfe <|im_end|>"}, {"role": "assistant", "content": "",
     "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"a": 1.5, "b": [true, null]}}}]}])";

void run(std::string_view source, std::string_view json) {
  using namespace saker::jinja;
  const Block block = parse(source);
  Variables variables;
  variables["messages"] = read_json(json.empty() ? kMessages : json, "the input");
  variables["add_generation_prompt"] = true;
  variables["tools"] = None{};
  variables["bos_token"] = "<s>";
  const std::string text = render(block, variables, {.work = 1 << 20, .output = 1 << 16});
  if (text.size() > (1 << 16) || saker::utf8::find_invalid(text) != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  saker::run_two_texts(data, size, run);
  return 0;
}
