#include "tokenizer/jinja/expression_parser.h"

#include <charconv>
#include <optional>

#include "core/error.h"
#include "tokenizer/jinja/tree_height.h"

namespace saker::jinja {

namespace {

[[noreturn]] void too_deep(int line) {
  template_error(line, fmt::format("expected at most {} levels of nesting, found more", kMaxHeight));
}

ExpressionPtr none_literal(int line) {
  return std::make_unique<const Expression>(Expression{line, 1, Literal{None{}}});
}

std::optional<Operator> sum_operator(std::string_view symbol) {
  if (symbol == "+") return Operator::add;
  if (symbol == "-") return Operator::subtract;
  return std::nullopt;
}

std::optional<Operator> product_operator(std::string_view symbol) {
  if (symbol == "*") return Operator::multiply;
  if (symbol == "/") return Operator::divide;
  if (symbol == "//") return Operator::floor_divide;
  if (symbol == "%") return Operator::modulo;
  return std::nullopt;
}

std::optional<Operator> power_operator(std::string_view symbol) {
  if (symbol == "**") return Operator::power;
  return std::nullopt;
}

// What compares, if the tokens go on with it; it is then taken.
std::optional<Comparison> take_comparison(TokenReader& tokens) {
  if (tokens.skip_name("in")) return Comparison::in;
  if (tokens.is_name("not") && tokens.after().kind == TokenKind::name && tokens.after().text == "in") {
    tokens.next();
    tokens.next();
    return Comparison::not_in;
  }
  constexpr std::pair<std::string_view, Comparison> kSymbols[] = {
      {"==", Comparison::equal},      {"!=", Comparison::not_equal}, {"<", Comparison::less},
      {"<=", Comparison::less_equal}, {">", Comparison::greater},    {">=", Comparison::greater_equal}};
  for (const auto& [symbol, comparison] : kSymbols)
    if (tokens.skip_symbol(symbol)) return comparison;
  return std::nullopt;
}

}  // namespace

class ExpressionParser::Guard {
 public:
  explicit Guard(ExpressionParser& parser) : depth_(parser.depth_) {
    if (depth_ >= kMaxHeight) too_deep(parser.tokens_.line());
    ++depth_;
  }
  Guard(const Guard&) = delete;
  ~Guard() { --depth_; }

 private:
  int& depth_;
};

template <class Node>
ExpressionPtr ExpressionParser::make(int line, Node node) const {
  const int height = HeightOf(node).height();
  if (height > kMaxHeight) too_deep(line);
  return std::make_unique<const Expression>(Expression{line, height, std::move(node)});
}

ExpressionPtr ExpressionParser::tuple(bool with_conditional) {
  const int line = tokens_.line();
  ExpressionPtr first = one(with_conditional);
  if (!tokens_.is_symbol(",")) return first;
  ListLiteral items{{}, ListKind::tuple};
  items.items.push_back(std::move(first));
  while (tokens_.skip_symbol(",")) {
    const bool over = tokens_.is(TokenKind::output_end) || tokens_.is(TokenKind::block_end) || tokens_.is_symbol(")");
    if (over) break;
    items.items.push_back(one(with_conditional));
  }
  return make(line, std::move(items));
}

ExpressionPtr ExpressionParser::expression() {
  const Guard guard(*this);
  ExpressionPtr value = disjunction();
  while (tokens_.is_name("if")) {
    const int line = tokens_.next().line;
    ExpressionPtr condition = disjunction();
    ExpressionPtr otherwise = tokens_.skip_name("else") ? expression() : nullptr;
    value = make(line, Conditional{std::move(condition), std::move(value), std::move(otherwise)});
  }
  return value;
}

ExpressionPtr ExpressionParser::disjunction() {
  const int line = tokens_.line();
  Logical logical{false, {}};
  do logical.operands.push_back(conjunction());
  while (tokens_.skip_name("or"));
  return logical.operands.size() == 1 ? std::move(logical.operands[0]) : make(line, std::move(logical));
}

ExpressionPtr ExpressionParser::conjunction() {
  const int line = tokens_.line();
  Logical logical{true, {}};
  do logical.operands.push_back(negation());
  while (tokens_.skip_name("and"));
  return logical.operands.size() == 1 ? std::move(logical.operands[0]) : make(line, std::move(logical));
}

ExpressionPtr ExpressionParser::negation() {
  const Guard guard(*this);
  const int line = tokens_.line();
  if (tokens_.skip_name("not")) return make(line, Unary{UnaryOperator::logical_not, negation()});
  return comparison();
}

ExpressionPtr ExpressionParser::comparison() {
  const int line = tokens_.line();
  ComparisonChain chain{sum(), {}};
  while (const std::optional<Comparison> op = take_comparison(tokens_)) chain.rest.emplace_back(*op, sum());
  return chain.rest.empty() ? std::move(chain.first) : make(line, std::move(chain));
}

template <class Parse, class Operators>
ExpressionPtr ExpressionParser::calculation(const Parse& operand, const Operators& operators) {
  const int line = tokens_.line();
  Calculation calculation{operand(), {}};
  while (tokens_.is(TokenKind::symbol)) {
    const std::optional<Operator> op = operators(tokens_.now().text);
    if (!op) break;
    tokens_.next();
    calculation.rest.emplace_back(*op, operand());
  }
  return calculation.rest.empty() ? std::move(calculation.first) : make(line, std::move(calculation));
}

ExpressionPtr ExpressionParser::sum() {
  return calculation([&] { return concatenation(); }, sum_operator);
}

ExpressionPtr ExpressionParser::concatenation() {
  const int line = tokens_.line();
  Concatenation parts;
  do parts.parts.push_back(product());
  while (tokens_.skip_symbol("~"));
  return parts.parts.size() == 1 ? std::move(parts.parts[0]) : make(line, std::move(parts));
}

ExpressionPtr ExpressionParser::product() {
  return calculation([&] { return power(); }, product_operator);
}

ExpressionPtr ExpressionParser::power() {
  return calculation([&] { return unary(); }, power_operator);
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  const Guard guard(*this);
  const int line = tokens_.line();
  ExpressionPtr value;
  if (tokens_.skip_symbol("-"))
    value = make(line, Unary{UnaryOperator::negative, unary(false)});
  else if (tokens_.skip_symbol("+"))
    value = make(line, Unary{UnaryOperator::positive, unary(false)});
  else
    value = primary();
  value = postfix(std::move(value));
  return with_filters ? filters(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::primary() {
  if (tokens_.is(TokenKind::name)) return name();
  if (tokens_.is(TokenKind::string)) return string();
  if (tokens_.is(TokenKind::integer) || tokens_.is(TokenKind::number)) return number();
  if (tokens_.is_symbol("(")) return parenthesised();
  if (tokens_.is_symbol("[")) return list();
  if (tokens_.is_symbol("{")) return dict();
  tokens_.unexpected("an expression");
}

ExpressionPtr ExpressionParser::name() {
  Token token = tokens_.next();
  if (token.text == "true" || token.text == "True") return make(token.line, Literal{true});
  if (token.text == "false" || token.text == "False") return make(token.line, Literal{false});
  if (token.text == "none" || token.text == "None") return none_literal(token.line);
  return make(token.line, Name{std::move(token.text)});
}

// Strings beside each other are one.
ExpressionPtr ExpressionParser::string() {
  const int line = tokens_.line();
  std::string text;
  while (tokens_.is(TokenKind::string)) text += tokens_.next().text;
  return make(line, Literal{Value(std::move(text))});
}

ExpressionPtr ExpressionParser::number() {
  const Token token = tokens_.next();
  const char *begin = token.text.data(), *end = begin + token.text.size();
  if (token.kind == TokenKind::integer) {
    int64_t whole = 0;
    if (std::from_chars(begin, end, whole).ec != std::errc())
      template_error(token.line, "expected an integer of 64 bits, found a larger one");
    return make(token.line, Literal{whole});
  }
  double number = 0.0;
  if (std::from_chars(begin, end, number).ec != std::errc())
    template_error(token.line, "expected a number within the range of a double");
  return make(token.line, Literal{number});
}

ExpressionPtr ExpressionParser::parenthesised() {
  const int line = tokens_.next().line;
  if (tokens_.skip_symbol(")")) return make(line, ListLiteral{{}, ListKind::tuple});
  ExpressionPtr value = tuple();
  tokens_.expect_symbol(")");
  return value;
}

ExpressionPtr ExpressionParser::list() {
  const int line = tokens_.next().line;
  ListLiteral items{{}, ListKind::list};
  while (!tokens_.is_symbol("]")) {
    items.items.push_back(expression());
    if (!tokens_.is_symbol("]")) tokens_.expect_symbol(",");
  }
  tokens_.next();
  return make(line, std::move(items));
}

ExpressionPtr ExpressionParser::dict() {
  const int line = tokens_.next().line;
  DictLiteral members;
  while (!tokens_.is_symbol("}")) {
    ExpressionPtr key = expression();
    tokens_.expect_symbol(":");
    members.items.emplace_back(std::move(key), expression());
    if (!tokens_.is_symbol("}")) tokens_.expect_symbol(",");
  }
  tokens_.next();
  return make(line, std::move(members));
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr operand) {
  while (true) {
    if (tokens_.is_symbol("."))
      operand = attribute(std::move(operand));
    else if (tokens_.is_symbol("["))
      operand = subscript(std::move(operand));
    else if (tokens_.is_symbol("("))
      operand = call(std::move(operand));
    else
      return operand;
  }
}

ExpressionPtr ExpressionParser::filters(ExpressionPtr operand) {
  while (true) {
    const int line = tokens_.line();
    if (tokens_.skip_symbol("|"))
      operand = make(line, filter(std::move(operand)));
    else if (tokens_.skip_name("is"))
      operand = test(std::move(operand));
    else if (tokens_.is_symbol("("))
      operand = call(std::move(operand));
    else
      return operand;
  }
}

ExpressionPtr ExpressionParser::attribute(ExpressionPtr object) {
  const int line = tokens_.next().line;
  if (tokens_.is(TokenKind::name)) return make(line, Attribute{std::move(object), tokens_.next().text});
  if (!tokens_.is(TokenKind::integer)) tokens_.unexpected("a name");
  return make(line, Subscript{std::move(object), number()});
}

// "x[1, 2]" and "x[]" ask for tuples.
ExpressionPtr ExpressionParser::subscript(ExpressionPtr object) {
  const int line = tokens_.next().line;
  ListLiteral keys{{}, ListKind::tuple};
  if (!tokens_.is_symbol("]")) {
    keys.items.push_back(bound());
    if (tokens_.skip_symbol(":")) return slice(line, std::move(object), std::move(keys.items[0]));
    while (tokens_.skip_symbol(",")) keys.items.push_back(expression());
  }
  tokens_.expect_symbol("]");
  ExpressionPtr key = keys.items.size() == 1 ? std::move(keys.items[0]) : make(line, std::move(keys));
  return make(line, Subscript{std::move(object), std::move(key)});
}

// Of a slice; it may be missing.
ExpressionPtr ExpressionParser::bound() {
  return tokens_.is_symbol(":") || tokens_.is_symbol("]") ? none_literal(tokens_.line()) : expression();
}

// Behind its first colon.
ExpressionPtr ExpressionParser::slice(int line, ExpressionPtr object, ExpressionPtr start) {
  ExpressionPtr stop = bound();
  ExpressionPtr step = tokens_.skip_symbol(":") ? bound() : none_literal(line);
  tokens_.expect_symbol("]");
  return make(line, Slice{std::move(object), std::move(start), std::move(stop), std::move(step)});
}

ExpressionPtr ExpressionParser::call(ExpressionPtr callee) {
  const int line = tokens_.line();
  return make(line, Call{std::move(callee), arguments()});
}

CallArguments ExpressionParser::arguments() {
  tokens_.expect_symbol("(");
  CallArguments arguments;
  while (!tokens_.is_symbol(")")) {
    if (tokens_.is(TokenKind::name) && tokens_.after().kind == TokenKind::symbol && tokens_.after().text == "=") {
      std::string name = tokens_.name();
      tokens_.next();
      arguments.named.emplace_back(std::move(name), expression());
    } else {
      if (!arguments.named.empty()) tokens_.unexpected("a named argument");
      arguments.positional.push_back(expression());
    }
    if (!tokens_.is_symbol(")")) tokens_.expect_symbol(",");
  }
  tokens_.next();
  return arguments;
}

FilterCall ExpressionParser::filter(ExpressionPtr operand) {
  const int line = tokens_.line();
  const std::string name = tokens_.name();
  const Filter found = find_filter(name);
  SAKER_CHECK(found, ErrorCode::unsupported, "[chat template] line {}: there is no filter {}", line,
              saker::quoted(name));
  return {std::move(operand), found, tokens_.is_symbol("(") ? arguments() : CallArguments()};
}

ExpressionPtr ExpressionParser::test(ExpressionPtr operand) {
  const bool negated = tokens_.skip_name("not");
  const int line = tokens_.line();
  const std::string name = tokens_.name();
  const Test found = find_test(name);
  SAKER_CHECK(found, ErrorCode::unsupported, "[chat template] line {}: there is no test {}", line, saker::quoted(name));
  CallArguments given;
  if (tokens_.is_symbol("("))
    given = arguments();
  else
    given.positional = test_argument();
  return make(line, TestCall{std::move(operand), found, std::move(given), negated});
}

// "x is divisibleby 3": an argument needs no brackets.
Expressions ExpressionParser::test_argument() {
  Expressions arguments;
  const bool literal = tokens_.is(TokenKind::string) || tokens_.is(TokenKind::integer) || tokens_.is(TokenKind::number);
  const bool bracket = tokens_.is_symbol("[") || tokens_.is_symbol("{");
  const bool name =
      tokens_.is(TokenKind::name) && !tokens_.is_name("else") && !tokens_.is_name("or") && !tokens_.is_name("and");
  if (tokens_.is_name("is")) template_error(tokens_.line(), "tests cannot be chained");
  if (literal || bracket || name) arguments.push_back(postfix(primary()));
  return arguments;
}

}  // namespace saker::jinja
