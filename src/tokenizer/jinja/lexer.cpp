#include "tokenizer/jinja/lexer.h"

#include <algorithm>

#include "core/error.h"
#include "tokenizer/jinja/string_literal.h"
#include "tokenizer/jinja/strings.h"
#include "tokenizer/utf8.h"

namespace saker::jinja {

namespace {

// One kind of line end, and none behind the last line.
std::string normalised(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    out += source[i] == '\r' ? '\n' : source[i];
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

// Longer ones before those that they begin with.
constexpr std::string_view kSymbols[] = {"**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<",
                                         ">",  "=",  "(",  ")",  "[",  "]",  "{", "}", ".", ",", ":", "|"};

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalised(source)), rest_(source_) {}

  std::vector<Token> run() {
    while (!rest_.empty()) lex_text_and_tag();
    add(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  std::string_view take(size_t bytes) {
    const std::string_view taken = rest_.substr(0, bytes);
    line_ += static_cast<int>(std::count(taken.begin(), taken.end(), '\n'));
    if (!taken.empty()) line_starts_ = taken.back() == '\n';
    rest_.remove_prefix(bytes);
    return taken;
  }

  void take_spaces() { take(rest_.size() - strip(rest_, Side::left).size()); }

  // Position of "{{", "{%" or "{#"; npos: there is none.
  size_t find_tag() const {
    for (size_t at = rest_.find('{'); at != std::string_view::npos && at + 1 < rest_.size();
         at = rest_.find('{', at + 1))
      if (rest_[at + 1] == '{' || rest_[at + 1] == '%' || rest_[at + 1] == '#') return at;
    return std::string_view::npos;
  }

  void lex_text_and_tag() {
    const size_t at = find_tag();
    if (at == std::string_view::npos) return add_text(take(rest_.size()));
    const char kind = rest_[at + 1], mark = at + 2 < rest_.size() ? rest_[at + 2] : '\0';
    add_text_before(at, kind != '{', mark);
    take(mark == '-' || mark == '+' ? 3 : 2);
    if (kind == '#') return skip_comment();
    if (kind == '%' && skip_raw()) return;
    add(kind == '{' ? TokenKind::output_begin : TokenKind::block_begin, "");
    lex_expression(kind == '{' ? '}' : '%');
  }

  void add_text(std::string_view text) {
    if (!text.empty()) add(TokenKind::text, std::string(text));
  }

  // The text before a tag, without what the tag's mark, or lstrip_blocks, takes away.
  void add_text_before(size_t bytes, bool is_block, char mark) {
    const bool at_line_start = line_starts_;
    const int line = line_;
    std::string_view text = take(bytes);
    if (mark == '-') {
      text = strip(text, Side::right);
    } else if (mark != '+' && is_block) {
      const size_t line_begin = text.rfind('\n') + 1;  // 0 where there is none
      const std::string_view before = text.substr(line_begin);
      if ((line_begin > 0 || at_line_start) && !before.empty() && strip(before).empty())
        text.remove_suffix(before.size());
    }
    if (!text.empty()) tokens_.push_back({TokenKind::text, std::string(text), line});
  }

  // Behind the end of a block or a comment: white space after -, one line end without a mark.
  void take_after_block(char mark) {
    if (mark == '-')
      take_spaces();
    else if (mark != '+' && rest_.starts_with('\n'))
      take(1);
  }

  void skip_comment() {
    const int line = line_;
    const size_t end = rest_.find("#}");
    if (end == std::string_view::npos) template_error(line, "the comment does not end");
    const char mark = end > 0 ? rest_[end - 1] : '\0';
    take(end + 2);
    take_after_block(mark);
  }

  // `rest` begins with white space, `word`, white space and the end of the block: its bytes, and the mark; 0: it does
  // not.
  static size_t tag_of(std::string_view rest, std::string_view word, char& mark) {
    const size_t all = rest.size();
    rest = strip(rest, Side::left);
    if (!rest.starts_with(word)) return 0;
    rest = strip(rest.substr(word.size()), Side::left);
    mark = !rest.empty() && (rest[0] == '-' || rest[0] == '+') ? rest[0] : '\0';
    if (mark) rest.remove_prefix(1);
    return rest.starts_with("%}") ? all - rest.size() + 2 : 0;
  }

  // {% raw %} ... {% endraw %}, of which "{%" and a mark were taken.
  bool skip_raw() {
    char mark = '\0';
    const int line = line_;
    const size_t begin = tag_of(rest_, "raw", mark);
    if (begin == 0 || mark == '+') return false;
    take(begin);
    if (mark == '-') take_spaces();
    for (size_t at = 0;; at += 2) {
      at = rest_.find("{%", at);
      if (at == std::string_view::npos) template_error(line, "the block raw does not end");
      const bool marked = at + 2 < rest_.size() && (rest_[at + 2] == '-' || rest_[at + 2] == '+');
      const size_t end = tag_of(rest_.substr(at + 2 + marked), "endraw", mark);
      if (end == 0) continue;
      add_text_before(at, true, marked ? rest_[at + 2] : '\0');
      take(2 + marked + end);
      take_after_block(mark);
      return true;
    }
  }

  void lex_expression(char end) {
    std::string open;  // brackets
    for (take_spaces(); !rest_.empty(); take_spaces())
      if ((open.empty() && lex_end(end)) || (lex_token(open), false)) return;
    template_error(line_, end == '}' ? "the block {{ does not end" : "the block {% does not end");
  }

  // "}}" or "%}", with a mark.
  bool lex_end(char end) {
    const char closing[] = {end, '}', '\0'};
    const bool marked = rest_[0] == '-' || (rest_[0] == '+' && end == '%');
    if (!rest_.substr(marked).starts_with(closing)) return false;
    const char mark = marked ? rest_[0] : '\0';
    add(end == '}' ? TokenKind::output_end : TokenKind::block_end, "");
    take(marked + 2u);
    if (end == '%')
      take_after_block(mark);
    else if (mark == '-')
      take_spaces();
    return true;
  }

  void lex_token(std::string& open) {
    const char c = rest_[0];
    if (is_digit(c)) return lex_number();
    if (is_name(c)) return lex_name();
    if (c == '\'' || c == '"') return lex_string();
    for (const std::string_view symbol : kSymbols)
      if (rest_.starts_with(symbol)) {
        track_brackets(c, open);
        add(TokenKind::symbol, std::string(take(symbol.size())));
        return;
      }
    template_error(line_, fmt::format("expected an expression, found {}", saker::quoted(rest_.substr(0, 1))));
  }

  void track_brackets(char c, std::string& open) const {
    if (c == '(') open += ')';
    if (c == '[') open += ']';
    if (c == '{') open += '}';
    if (c != ')' && c != ']' && c != '}') return;
    if (open.empty() || open.back() != c) template_error(line_, fmt::format("there is no bracket that {} closes", c));
    open.pop_back();
  }

  void lex_name() {
    size_t size = 0;
    while (size < rest_.size() && is_name(rest_[size])) ++size;
    add(TokenKind::name, std::string(take(size)));
  }

  size_t digits(size_t at) const {
    const size_t begin = at;
    while (at < rest_.size() && (is_digit(rest_[at]) ||
                                 (rest_[at] == '_' && at > begin && at + 1 < rest_.size() && is_digit(rest_[at + 1]))))
      ++at;
    return at - begin;
  }

  void lex_number() {
    const size_t whole = digits(0);
    size_t size = whole;
    if (size < rest_.size() && rest_[size] == '.')
      if (const size_t more = digits(size + 1)) size += 1 + more;
    if (size < rest_.size() && (rest_[size] == 'e' || rest_[size] == 'E')) {
      const bool sign = size + 1 < rest_.size() && (rest_[size + 1] == '+' || rest_[size + 1] == '-');
      if (const size_t more = digits(size + 1 + sign)) size += 1 + sign + more;
    }
    if (size == whole && whole > 1 && rest_[0] == '0' &&
        rest_.substr(0, whole).find_first_not_of("0_") != std::string_view::npos)
      template_error(line_, "an integer does not begin with 0");
    std::string text(rest_.substr(0, size));
    std::erase(text, '_');
    add(size == whole ? TokenKind::integer : TokenKind::number, std::move(text));
    take(size);
  }

  void lex_string() {
    const char quote = rest_[0];
    size_t end = 1;
    while (end < rest_.size() && rest_[end] != quote) end += rest_[end] == '\\' ? 2 : 1;
    if (end >= rest_.size()) template_error(line_, "a string does not end");
    add(TokenKind::string, string_literal(rest_.substr(1, end - 1), line_));
    take(end + 1);
  }

  std::string source_;
  std::string_view rest_;
  std::vector<Token> tokens_;
  int line_ = 1;
  bool line_starts_ = true;
};

}  // namespace

void template_error(int line, const std::string& message) {
  fail(ErrorCode::corrupt_data, "[chat template] line {}: {}", line, message);
}

std::vector<Token> lex(std::string_view source) {
  SAKER_CHECK(utf8::find_invalid(source) == std::string_view::npos, ErrorCode::corrupt_data,
              "[chat template] expected UTF-8, found other bytes at byte {}", utf8::find_invalid(source));
  return Lexer(source).run();
}

}  // namespace saker::jinja
