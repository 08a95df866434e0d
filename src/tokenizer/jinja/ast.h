// A template as a tree. No branch of it is higher than kMaxHeight: whatever walks a tree recurses.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/value.h"

namespace saker::jinja {

inline constexpr int kMaxHeight = 100;

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;
using Expressions = std::vector<ExpressionPtr>;

struct CallArguments {
  Expressions positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct ListLiteral {
  Expressions items;
  ListKind kind;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};
enum class UnaryOperator { negative, positive, logical_not };
struct Unary {
  UnaryOperator op;
  ExpressionPtr operand;
};
// Of one precedence, from the left.
struct Calculation {
  ExpressionPtr first;
  std::vector<std::pair<Operator, ExpressionPtr>> rest;
};
struct Concatenation {
  Expressions parts;
};
struct ComparisonChain {
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
};
struct Logical {
  bool all;  // and; else or
  Expressions operands;
};
struct Conditional {
  ExpressionPtr condition, then, otherwise;  // the last may be null
};
struct Attribute {
  ExpressionPtr object;
  std::string name;
};
struct Subscript {
  ExpressionPtr object, key;
};
struct Slice {
  ExpressionPtr object, start, stop, step;  // the last three may be null
};
struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct FilterCall {
  ExpressionPtr operand;  // null: the text of a block
  Filter filter;
  CallArguments arguments;
};
struct TestCall {
  ExpressionPtr operand;
  Test test;
  CallArguments arguments;
  bool negated;
};

struct Expression {
  int line;
  int height;
  std::variant<Literal, Name, ListLiteral, DictLiteral, Unary, Calculation, Concatenation, ComparisonChain, Logical,
               Conditional, Attribute, Subscript, Slice, Call, FilterCall, TestCall>
      node;
};

struct Statement;
using Block = std::vector<Statement>;

struct Text {
  std::string text;
};
struct Output {
  ExpressionPtr value;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};
struct For {
  std::vector<std::string> targets;  // several: items are unpacked
  bool unpacks;
  ExpressionPtr over, condition;  // the condition may be null
  Block body, otherwise;
};
struct Set {
  std::vector<std::string> targets;
  bool unpacks;
  ExpressionPtr value;
};
struct SetAttribute {
  std::string object, name;
  ExpressionPtr value;
};
struct SetBlock {
  std::string target;
  std::vector<FilterCall> filters;
  Block body;
};
struct Macro {
  std::string name;
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;  // with defaults, which may be null
  Block body;
};
// Names set in it are not seen outside.
struct Scope {
  Block body;
};
struct Break {};
struct Continue {};

struct Statement {
  int line;
  std::variant<Text, Output, If, For, Set, SetAttribute, SetBlock, Macro, Scope, Break, Continue> node;
};

}  // namespace saker::jinja
