#include "tokenizer/jinja/string_literal.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "tokenizer/jinja/lexer.h"
#include "tokenizer/utf8.h"

namespace saker::jinja {

namespace {

class Unescaper {
 public:
  Unescaper(std::string_view text, int line) : rest_(text), line_(line) {}

  std::string run() {
    while (!rest_.empty()) {
      const size_t plain = std::min(rest_.find('\\'), rest_.size());
      out_ += rest_.substr(0, plain);
      rest_.remove_prefix(plain);
      if (!rest_.empty()) escape();
    }
    return std::move(out_);
  }

 private:
  // `rest_` begins with a backslash, behind which there is a character.
  void escape() {
    const char c = rest_[1];
    rest_.remove_prefix(2);
    switch (c) {
      case '\n': return;
      case '\\':
      case '\'':
      case '"': out_ += c; return;
      case 'a': out_ += '\a'; return;
      case 'b': out_ += '\b'; return;
      case 'f': out_ += '\f'; return;
      case 'n': out_ += '\n'; return;
      case 'r': out_ += '\r'; return;
      case 't': out_ += '\t'; return;
      case 'v': out_ += '\v'; return;
      case 'x': return add_code(2, 16);
      case 'u': return add_code(4, 16);
      case 'U': return add_code(8, 16);
      case 'N': template_error(line_, "characters by name are not supported");
      default: break;
    }
    if (c < '0' || c > '7') {
      (out_ += '\\') += c;
      return;
    }
    rest_ = {rest_.data() - 1, rest_.size() + 1};
    add_code(std::min({rest_.find_first_not_of("01234567"), rest_.size(), size_t{3}}), 8);
  }

  void add_code(size_t digits, int base) {
    uint32_t code = 0;
    const std::string_view text = rest_.substr(0, digits);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code, base);
    const bool whole = text.size() == digits && error == std::errc() && end == text.data() + text.size();
    if (!whole || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      template_error(line_, "expected the code of a character behind a backslash");
    utf8::append(code, out_);
    rest_.remove_prefix(digits);
  }

  std::string_view rest_;
  int line_;
  std::string out_;
};

}  // namespace

std::string string_literal(std::string_view text, int line) {
  return Unescaper(text, line).run();
}

}  // namespace saker::jinja
