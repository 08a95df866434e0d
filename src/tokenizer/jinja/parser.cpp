#include "tokenizer/jinja/parser.h"

#include <algorithm>
#include <initializer_list>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "tokenizer/jinja/expression_parser.h"

namespace saker::jinja {

namespace {

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)), expressions_(tokens_) {}

  Block parse_all() {
    Block block = parse_block({});
    if (!tokens_.is(TokenKind::end)) refuse_tag();
    return block;
  }

 private:
  // Statements up to a tag whose name is one of `ends`, of which the name comes next; or to the end of the template.
  Block parse_block(std::initializer_list<std::string_view> ends) {
    if (++depth_ > kMaxHeight)
      template_error(tokens_.line(),
                     fmt::format("expected at most {} blocks within each other, found more", kMaxHeight));
    Block block;
    while (!tokens_.is(TokenKind::end)) {
      const Token token = tokens_.next();
      if (token.kind == TokenKind::text) {
        block.push_back({token.line, Text{token.text}});
      } else if (token.kind == TokenKind::output_begin) {
        block.push_back({token.line, Output{expressions_.tuple()}});
        tokens_.expect(TokenKind::output_end, "}}");
      } else {
        if (std::find(ends.begin(), ends.end(), tokens_.now().text) != ends.end()) break;
        block.push_back(parse_statement());
      }
    }
    --depth_;
    return block;
  }

  // A block and the tag that ends it, whose name is `end`.
  Block parse_body(std::string_view end) {
    end_of_tag();
    Block body = parse_block({end});
    tokens_.expect_name(end);
    return body;
  }

  void end_of_tag() { tokens_.expect(TokenKind::block_end, "%}"); }

  [[noreturn]] void refuse_tag() const {
    fail(ErrorCode::unsupported, "[chat template] line {}: there is no tag {} here", tokens_.line(),
         saker::quoted(tokens_.now().text));
  }

  Statement parse_statement() {
    Statement statement{tokens_.line(), Break{}};
    if (tokens_.skip_name("if"))
      statement.node = parse_if();
    else if (tokens_.skip_name("for"))
      statement.node = parse_for();
    else if (tokens_.skip_name("set"))
      statement.node = parse_set();
    else if (tokens_.skip_name("macro"))
      statement.node = parse_macro();
    else if (tokens_.skip_name("generation"))
      statement.node = parse_generation();
    else if (tokens_.is_name("break"))
      parse_jump();
    else if (tokens_.is_name("continue")) {
      parse_jump();
      statement.node = Continue{};
    } else
      refuse_tag();
    end_of_tag();
    return statement;
  }

  void parse_jump() {
    if (loops_ == 0) template_error(tokens_.line(), fmt::format("{} stands outside of a loop", tokens_.now().text));
    tokens_.next();
  }

  If parse_if() {
    If node;
    do {
      ExpressionPtr condition = expressions_.tuple(/*with_conditional=*/false);
      end_of_tag();
      node.branches.emplace_back(std::move(condition), parse_block({"elif", "else", "endif"}));
    } while (tokens_.skip_name("elif"));
    if (tokens_.skip_name("else"))
      node.otherwise = parse_body("endif");
    else
      tokens_.expect_name("endif");
    return node;
  }

  // "a", "a, b" or "(a, b)".
  std::pair<std::vector<std::string>, bool> parse_targets() {
    const bool bracket = tokens_.skip_symbol("(");
    std::pair<std::vector<std::string>, bool> targets{{assignable_name()}, false};
    while (tokens_.skip_symbol(",")) {
      targets.second = true;
      if (!tokens_.is(TokenKind::name) || tokens_.is_name("in")) break;
      targets.first.push_back(assignable_name());
    }
    if (bracket) tokens_.expect_symbol(")");
    return targets;
  }

  std::string assignable_name() {
    for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"})
      if (tokens_.is_name(constant)) tokens_.unexpected("a name");
    return tokens_.name();
  }

  For parse_for() {
    For node;
    std::tie(node.targets, node.unpacks) = parse_targets();
    if (std::find(node.targets.begin(), node.targets.end(), "loop") != node.targets.end())
      template_error(tokens_.line(), "the name loop is taken");
    tokens_.expect_name("in");
    node.over = expressions_.tuple(/*with_conditional=*/false);
    if (tokens_.skip_name("if")) node.condition = expressions_.expression();
    if (tokens_.is_name("recursive"))
      fail(ErrorCode::unsupported, "[chat template] line {}: recursive loops are not supported", tokens_.line());
    end_of_tag();
    ++loops_;
    node.body = parse_block({"else", "endfor"});
    --loops_;
    if (tokens_.skip_name("else"))
      node.otherwise = parse_body("endfor");
    else
      tokens_.expect_name("endfor");
    return node;
  }

  decltype(Statement::node) parse_set() {
    if (tokens_.is(TokenKind::name) && tokens_.after().kind == TokenKind::symbol && tokens_.after().text == ".") {
      SetAttribute node;
      node.object = tokens_.name();
      tokens_.next();
      node.name = tokens_.name();
      tokens_.expect_symbol("=");
      node.value = expressions_.tuple();
      return node;
    }
    Set node;
    const int line = tokens_.line();
    std::tie(node.targets, node.unpacks) = parse_targets();
    if (tokens_.skip_symbol("=")) {
      node.value = expressions_.tuple();
      return node;
    }
    if (node.unpacks) template_error(line, "a block is the value of one name");
    return parse_set_block(std::move(node.targets.front()));
  }

  SetBlock parse_set_block(std::string target) {
    SetBlock node;
    node.target = std::move(target);
    while (tokens_.skip_symbol("|")) node.filters.push_back(expressions_.filter(nullptr));
    node.body = parse_outside_loops("endset");
    return node;
  }

  // A body that loops around it cannot be left from.
  Block parse_outside_loops(std::string_view end) {
    const int loops = std::exchange(loops_, 0);
    Block body = parse_body(end);
    loops_ = loops;
    return body;
  }

  Macro parse_macro() {
    Macro node;
    node.name = assignable_name();
    tokens_.expect_symbol("(");
    while (!tokens_.is_symbol(")")) {
      std::string name = assignable_name();
      ExpressionPtr standard = tokens_.skip_symbol("=") ? expressions_.expression() : nullptr;
      if (!standard && !node.parameters.empty() && node.parameters.back().second)
        tokens_.unexpected("a default, as the parameter before has one");
      for (const auto& [other, ignored] : node.parameters)
        if (other == name) template_error(tokens_.line(), fmt::format("the parameter {} appears twice", name));
      node.parameters.emplace_back(std::move(name), std::move(standard));
      if (!tokens_.is_symbol(")")) tokens_.expect_symbol(",");
    }
    tokens_.next();
    node.body = parse_outside_loops("endmacro");
    return node;
  }

  Scope parse_generation() { return {parse_outside_loops("endgeneration")}; }

  TokenReader tokens_;
  ExpressionParser expressions_;
  int depth_ = 0;
  int loops_ = 0;
};

}  // namespace

Block parse(std::string_view source) {
  return Parser(lex(source)).parse_all();
}

}  // namespace saker::jinja
