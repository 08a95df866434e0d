#include "tokenizer/jinja/expression_evaluator.h"

#include "tokenizer/jinja/access.h"
#include "tokenizer/jinja/printing.h"

namespace saker::jinja {

Value ExpressionEvaluator::evaluate(const Expression& expression, const Frame& frame) {
  const Nesting nesting(run_, depth_);
  run_.line = expression.line;
  run_.spend(kStep);
  return std::visit([&](const auto& node) { return evaluate(node, frame); }, expression.node);
}

Value ExpressionEvaluator::evaluate(const Literal& node, const Frame&) {
  return node.value;
}

Value ExpressionEvaluator::evaluate(const Name& node, const Frame& frame) {
  if (const Value* found = frame.find(node.name)) return *found;
  return Undefined{fmt::format("{} is undefined", saker::quoted(node.name))};
}

Value ExpressionEvaluator::evaluate(const ListLiteral& node, const Frame& frame) {
  std::vector<Value> items;
  for (const ExpressionPtr& item : node.items) items.push_back(evaluate(*item, frame));
  return run_.list(std::move(items), node.kind);
}

Value ExpressionEvaluator::evaluate(const DictLiteral& node, const Frame& frame) {
  Dict dict;
  for (const auto& [key, value] : node.items) {
    Value name = evaluate(*key, frame);
    run_.insert(dict, std::move(name), evaluate(*value, frame));
  }
  return run_.dict(std::move(dict));
}

Value ExpressionEvaluator::evaluate(const Unary& node, const Frame& frame) {
  const Value value = evaluate(*node.operand, frame);
  switch (node.op) {
    case UnaryOperator::negative: return negative(run_, value);
    case UnaryOperator::positive: return positive(run_, value);
    case UnaryOperator::logical_not: return !is_true(value);
  }
  return {};
}

Value ExpressionEvaluator::evaluate(const Calculation& node, const Frame& frame) {
  Value value = evaluate(*node.first, frame);
  for (const auto& [op, operand] : node.rest) value = calculate(run_, op, value, evaluate(*operand, frame));
  return value;
}

Value ExpressionEvaluator::evaluate(const Concatenation& node, const Frame& frame) {
  std::string text;
  for (const ExpressionPtr& part : node.parts) text += to_text(run_, evaluate(*part, frame));
  return text;
}

Value ExpressionEvaluator::evaluate(const ComparisonChain& node, const Frame& frame) {
  Value left = evaluate(*node.first, frame);
  for (const auto& [op, operand] : node.rest) {
    Value right = evaluate(*operand, frame);
    if (!compare(run_, op, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value ExpressionEvaluator::evaluate(const Logical& node, const Frame& frame) {
  Value value;
  for (const ExpressionPtr& operand : node.operands) {
    value = evaluate(*operand, frame);
    if (is_true(value) != node.all) return value;
  }
  return value;
}

Value ExpressionEvaluator::evaluate(const Conditional& node, const Frame& frame) {
  if (is_true(evaluate(*node.condition, frame))) return evaluate(*node.then, frame);
  if (node.otherwise) return evaluate(*node.otherwise, frame);
  return Undefined{"the condition does not hold, and there is no else"};
}

Value ExpressionEvaluator::evaluate(const Attribute& node, const Frame& frame) {
  return attribute(run_, evaluate(*node.object, frame), node.name);
}

Value ExpressionEvaluator::evaluate(const Subscript& node, const Frame& frame) {
  const Value object = evaluate(*node.object, frame);
  return item(run_, object, evaluate(*node.key, frame));
}

Value ExpressionEvaluator::evaluate(const Slice& node, const Frame& frame) {
  const Value object = evaluate(*node.object, frame), start = evaluate(*node.start, frame),
              stop = evaluate(*node.stop, frame), step = evaluate(*node.step, frame);
  return slice(run_, object, start, stop, step);
}

Arguments ExpressionEvaluator::arguments(const CallArguments& arguments, const Frame& frame) {
  Arguments given;
  for (const ExpressionPtr& value : arguments.positional) given.positional.push_back(evaluate(*value, frame));
  for (const auto& [name, value] : arguments.named) given.named.emplace_back(name, evaluate(*value, frame));
  return given;
}

Value ExpressionEvaluator::evaluate(const Call& node, const Frame& frame) {
  const Value callee = evaluate(*node.callee, frame);
  Arguments given = arguments(node.arguments, frame);
  return call(run_, callee, given);
}

Value ExpressionEvaluator::evaluate(const FilterCall& node, const Frame& frame) {
  const Value operand = evaluate(*node.operand, frame);
  Arguments given = arguments(node.arguments, frame);
  return node.filter(run_, operand, given);
}

Value ExpressionEvaluator::evaluate(const TestCall& node, const Frame& frame) {
  const Value operand = evaluate(*node.operand, frame);
  Arguments given = arguments(node.arguments, frame);
  return node.test(run_, operand, given) != node.negated;
}

}  // namespace saker::jinja
