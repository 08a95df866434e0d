// Expressions, with the precedence that Jinja gives to operators.
#pragma once

#include "tokenizer/jinja/ast.h"
#include "tokenizer/jinja/token_reader.h"

namespace saker::jinja {

// All throw corrupt_data, or unsupported for filters and tests that do not exist, naming the line.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenReader& tokens) : tokens_(tokens) {}

  // "a if b else c" and all below.
  ExpressionPtr expression();
  // The same without the conditional.
  ExpressionPtr disjunction();
  // One expression, or several with commas: a tuple.
  ExpressionPtr tuple(bool with_conditional = true);
  // "name(arguments)" behind a "|", which was taken.
  FilterCall filter(ExpressionPtr operand);

 private:
  class Guard;

  ExpressionPtr one(bool with_conditional) { return with_conditional ? expression() : disjunction(); }
  ExpressionPtr conjunction();
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool with_filters = true);
  ExpressionPtr primary();
  ExpressionPtr name();
  ExpressionPtr string();
  ExpressionPtr number();
  ExpressionPtr parenthesised();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr postfix(ExpressionPtr operand);
  ExpressionPtr filters(ExpressionPtr operand);
  ExpressionPtr attribute(ExpressionPtr object);
  ExpressionPtr subscript(ExpressionPtr object);
  ExpressionPtr bound();
  ExpressionPtr slice(int line, ExpressionPtr object, ExpressionPtr start);
  ExpressionPtr call(ExpressionPtr callee);
  ExpressionPtr test(ExpressionPtr operand);
  CallArguments arguments();
  Expressions test_argument();

  template <class Parse, class Operators>
  ExpressionPtr calculation(const Parse& operand, const Operators& operators);
  template <class Node>
  ExpressionPtr make(int line, Node node) const;

  TokenReader& tokens_;
  int depth_ = 0;
};

}  // namespace saker::jinja
