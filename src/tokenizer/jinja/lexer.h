// A template as tokens: text, and what stands in {{ }} and {% %}. White space is controlled as HF transformers sets it:
// trim_blocks and lstrip_blocks, and the marks - and + override them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace saker::jinja {

enum class TokenKind {
  text,
  output_begin,
  output_end,
  block_begin,
  block_end,
  name,
  string,
  integer,
  number,
  symbol,
  end
};

struct Token {
  TokenKind kind;
  std::string text;  // what is shown; a name; the value of a string; the digits; the symbol
  int line;
};

// Ends with a token of kind `end`. Throws corrupt_data that names the line.
std::vector<Token> lex(std::string_view source);

// Throws what every error of a template's text throws.
[[noreturn]] void template_error(int line, const std::string& message);

}  // namespace saker::jinja
