// Where a parser is in the tokens of a template.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/jinja/lexer.h"

namespace saker::jinja {

class TokenReader {
 public:
  explicit TokenReader(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& now() const noexcept { return tokens_[at_]; }
  const Token& after() const noexcept { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  int line() const noexcept { return now().line; }

  bool is(TokenKind kind) const noexcept { return now().kind == kind; }
  bool is_symbol(std::string_view text) const noexcept { return is(TokenKind::symbol) && now().text == text; }
  bool is_name(std::string_view text) const noexcept { return is(TokenKind::name) && now().text == text; }

  // The token, and on to the next; never beyond the end.
  Token next();
  bool skip_symbol(std::string_view text);
  bool skip_name(std::string_view text);
  // Throw unless it is what is expected.
  void expect(TokenKind kind, std::string_view what);
  void expect_symbol(std::string_view text);
  void expect_name(std::string_view text);
  std::string name();
  [[noreturn]] void unexpected(std::string_view expected) const;

 private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace saker::jinja
