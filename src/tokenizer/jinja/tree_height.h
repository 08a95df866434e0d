// How high a branch of the tree is: one more than the highest of what a node consists of.
#pragma once

#include <algorithm>
#include <type_traits>

#include "tokenizer/jinja/ast.h"

namespace saker::jinja {

class HeightOf {
 public:
  template <class Node>
  explicit HeightOf(const Node& node) {
    add(node);
  }
  int height() const noexcept { return 1 + highest_; }

 private:
  void add(const ExpressionPtr& part) {
    if (part) highest_ = std::max(highest_, part->height);
  }
  template <class T>
  void add(const std::vector<T>& parts) {
    for (const T& part : parts) add(part);
  }
  template <class T>
  void add(const std::pair<T, ExpressionPtr>& part) {
    if constexpr (std::is_same_v<T, ExpressionPtr>) add(part.first);
    add(part.second);
  }
  void add(const CallArguments& node) {
    add(node.positional);
    add(node.named);
  }
  void add(const Literal&) {}
  void add(const Name&) {}
  void add(const ListLiteral& node) { add(node.items); }
  void add(const DictLiteral& node) { add(node.items); }
  void add(const Unary& node) { add(node.operand); }
  void add(const Concatenation& node) { add(node.parts); }
  void add(const Logical& node) { add(node.operands); }
  void add(const Attribute& node) { add(node.object); }
  void add(const Calculation& node) {
    add(node.first);
    add(node.rest);
  }
  void add(const ComparisonChain& node) {
    add(node.first);
    add(node.rest);
  }
  void add(const Conditional& node) {
    add(node.condition);
    add(node.then);
    add(node.otherwise);
  }
  void add(const Subscript& node) {
    add(node.object);
    add(node.key);
  }
  void add(const Slice& node) {
    add(node.object);
    add(node.start);
    add(node.stop);
    add(node.step);
  }
  void add(const Call& node) {
    add(node.callee);
    add(node.arguments);
  }
  void add(const FilterCall& node) {
    add(node.operand);
    add(node.arguments);
  }
  void add(const TestCall& node) {
    add(node.operand);
    add(node.arguments);
  }

  int highest_ = 0;
};

}  // namespace saker::jinja
