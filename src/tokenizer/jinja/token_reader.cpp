#include "tokenizer/jinja/token_reader.h"

#include "core/error.h"

namespace saker::jinja {

namespace {

std::string shown(const Token& token) {
  switch (token.kind) {
    case TokenKind::text: return "text";
    case TokenKind::output_begin: return "{{";
    case TokenKind::output_end: return "}}";
    case TokenKind::block_begin: return "{%";
    case TokenKind::block_end: return "%}";
    case TokenKind::string: return "a string";
    case TokenKind::end: return "the end of the template";
    default: return saker::quoted(token.text);
  }
}

}  // namespace

Token TokenReader::next() {
  Token token = now();
  if (!is(TokenKind::end)) ++at_;
  return token;
}

bool TokenReader::skip_symbol(std::string_view text) {
  const bool found = is_symbol(text);
  at_ += found;
  return found;
}

bool TokenReader::skip_name(std::string_view text) {
  const bool found = is_name(text);
  at_ += found;
  return found;
}

void TokenReader::expect(TokenKind kind, std::string_view what) {
  if (!is(kind)) unexpected(what);
  next();
}

void TokenReader::expect_symbol(std::string_view text) {
  if (!skip_symbol(text)) unexpected(text);
}

void TokenReader::expect_name(std::string_view text) {
  if (!skip_name(text)) unexpected(text);
}

std::string TokenReader::name() {
  if (!is(TokenKind::name)) unexpected("a name");
  return next().text;
}

void TokenReader::unexpected(std::string_view expected) const {
  template_error(line(), fmt::format("expected {}, found {}", expected, shown(now())));
}

}  // namespace saker::jinja
