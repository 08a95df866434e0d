// The values of expressions.
#pragma once

#include "tokenizer/jinja/ast.h"
#include "tokenizer/jinja/frame.h"
#include "tokenizer/jinja/run.h"

namespace saker::jinja {

class ExpressionEvaluator {
 public:
  explicit ExpressionEvaluator(Run& run) : run_(run) {}

  Value evaluate(const Expression& expression, const Frame& frame);
  Arguments arguments(const CallArguments& arguments, const Frame& frame);

  Run& run() noexcept { return run_; }
  // Of everything that is being evaluated or executed.
  int& depth() noexcept { return depth_; }

 private:
  Value evaluate(const Literal& node, const Frame& frame);
  Value evaluate(const Name& node, const Frame& frame);
  Value evaluate(const ListLiteral& node, const Frame& frame);
  Value evaluate(const DictLiteral& node, const Frame& frame);
  Value evaluate(const Unary& node, const Frame& frame);
  Value evaluate(const Calculation& node, const Frame& frame);
  Value evaluate(const Concatenation& node, const Frame& frame);
  Value evaluate(const ComparisonChain& node, const Frame& frame);
  Value evaluate(const Logical& node, const Frame& frame);
  Value evaluate(const Conditional& node, const Frame& frame);
  Value evaluate(const Attribute& node, const Frame& frame);
  Value evaluate(const Subscript& node, const Frame& frame);
  Value evaluate(const Slice& node, const Frame& frame);
  Value evaluate(const Call& node, const Frame& frame);
  Value evaluate(const FilterCall& node, const Frame& frame);
  Value evaluate(const TestCall& node, const Frame& frame);

  Run& run_;
  int depth_ = 0;
};

}  // namespace saker::jinja
