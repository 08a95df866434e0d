#include "tokenizer/jinja/evaluator.h"

#include <algorithm>
#include <utility>

#include "tokenizer/jinja/expression_evaluator.h"
#include "tokenizer/jinja/frame.h"
#include "tokenizer/jinja/printing.h"

namespace saker::jinja {

namespace {

using FramePtr = std::shared_ptr<Frame>;

constexpr int64_t kFrameWork = 4096;  // a frame that stays until the end

enum class Flow { next, break_loop, continue_loop };

class Evaluator {
 public:
  explicit Evaluator(const Limits& limits) : run_(limits), expressions_(run_) {}

  std::string render(const Block& block, const Variables& variables) {
    const auto globals = std::make_shared<Frame>(nullptr);
    globals->values = variables;
    globals->values.insert(global_functions().begin(), global_functions().end());
    execute(block, std::make_shared<Frame>(globals));
    return std::move(out_);
  }

 private:
  Value evaluate(const ExpressionPtr& expression, const Frame& frame) {
    return expressions_.evaluate(*expression, frame);
  }

  void write(std::string_view text) {
    run_.spend(static_cast<int64_t>(text.size()));
    run_.check_output(out_.size() + text.size());
    out_ += text;
  }

  // The text that a block writes.
  std::string text_of(const Block& block, const FramePtr& frame) {
    std::string around = std::exchange(out_, {});
    execute(block, frame);
    return std::exchange(out_, std::move(around));
  }

  Flow execute(const Block& block, const FramePtr& frame) {
    const Nesting nesting(run_, expressions_.depth());
    for (const Statement& statement : block) {
      run_.line = statement.line;
      run_.spend(kStep);
      const Flow flow = std::visit([&](const auto& node) { return execute(node, frame); }, statement.node);
      if (flow != Flow::next) return flow;
    }
    return Flow::next;
  }

  Flow execute(const Text& node, const FramePtr&) {
    write(node.text);
    return Flow::next;
  }

  Flow execute(const Output& node, const FramePtr& frame) {
    write(to_text(run_, evaluate(node.value, *frame)));
    return Flow::next;
  }

  Flow execute(const If& node, const FramePtr& frame) {
    for (const auto& [condition, body] : node.branches)
      if (is_true(evaluate(condition, *frame))) return execute(body, frame);
    return execute(node.otherwise, frame);
  }

  Flow execute(const For& node, const FramePtr& frame) {
    const auto items = std::make_shared<const std::vector<Value>>(chosen(node, frame));
    const int line = run_.line;
    bool completed = false;  // else follows, as in jinja2, unless a round came to its end: break and continue are none
    ++loops_;
    for (size_t i = 0; i < items->size(); ++i) {
      const auto inner = std::make_shared<Frame>(frame);
      run_.line = line;
      assign(node.targets, node.unpacks, (*items)[i], *inner);
      inner->values["loop"] = std::make_shared<const Loop>(Loop{items, i, loops_});
      const Flow flow = execute(node.body, inner);
      completed = completed || flow == Flow::next;
      if (flow == Flow::break_loop) break;
    }
    --loops_;
    return !completed ? execute(node.otherwise, std::make_shared<Frame>(frame)) : Flow::next;
  }

  // The items that a loop goes through: those for which its condition holds.
  std::vector<Value> chosen(const For& node, const FramePtr& frame) {
    std::vector<Value> items = elements(run_, evaluate(node.over, *frame));
    if (!node.condition) return items;
    std::vector<Value> kept;
    for (Value& item : items) {
      Frame inner(frame);
      inner.values["loop"] = Undefined{"the condition of a loop does not see it"};
      assign(node.targets, node.unpacks, item, inner);
      if (is_true(evaluate(node.condition, inner))) kept.push_back(std::move(item));
    }
    return kept;
  }

  void assign(const std::vector<std::string>& targets, bool unpacks, const Value& value, Frame& frame) {
    if (!unpacks) {
      frame.values.insert_or_assign(targets.front(), value);
      return;
    }
    std::vector<Value> parts = elements(run_, value);
    if (parts.size() != targets.size())
      run_.fail("expected {} values to unpack, found {}", targets.size(), parts.size());
    for (size_t i = 0; i < parts.size(); ++i) frame.values.insert_or_assign(targets[i], std::move(parts[i]));
  }

  Flow execute(const Set& node, const FramePtr& frame) {
    assign(node.targets, node.unpacks, evaluate(node.value, *frame), *frame);
    return Flow::next;
  }

  Flow execute(const SetAttribute& node, const FramePtr& frame) {
    const Value value = evaluate(node.value, *frame);
    const Value* object = frame->find(node.object);
    if (!object || !object->names())
      run_.fail("{} is no namespace, of which alone an attribute can be set", node.object);
    object->names()->members.insert_or_assign(node.name, value);
    return Flow::next;
  }

  Flow execute(const SetBlock& node, const FramePtr& frame) {
    Value value = run_.text(text_of(node.body, std::make_shared<Frame>(frame)));
    for (const FilterCall& filter : node.filters) {
      Arguments given = expressions_.arguments(filter.arguments, *frame);
      value = filter.filter(run_, value, given);
    }
    frame->values.insert_or_assign(node.target, std::move(value));
    return Flow::next;
  }

  // The frame, which holds the macro, is held by this object instead, so that neither keeps the other for ever.
  Flow execute(const Macro& node, const FramePtr& frame) {
    run_.spend(kFrameWork);
    macro_frames_.push_back(frame);
    frame->values.insert_or_assign(
        node.name,
        std::make_shared<const Function>(Function{
            fmt::format("<Macro {}>", saker::quoted(node.name)),
            [this, &node, around = frame.get()](Run&, Arguments& given) { return call(node, around, given); }}));
    return Flow::next;
  }

  Value call(const Macro& node, Frame* around, Arguments& given);

  Flow execute(const Scope& node, const FramePtr& frame) { return execute(node.body, std::make_shared<Frame>(frame)); }
  Flow execute(const Break&, const FramePtr&) { return Flow::break_loop; }
  Flow execute(const Continue&, const FramePtr&) { return Flow::continue_loop; }

  Run run_;
  ExpressionEvaluator expressions_;
  std::vector<FramePtr> macro_frames_;
  std::string out_;
  int loops_ = 0;
};

// Parameters that are not given have their default, which sees those before it.
Value Evaluator::call(const Macro& node, Frame* around, Arguments& given) {
  const int line = run_.line;
  // Borrowed: macro_frames_ holds it.
  const auto frame = std::make_shared<Frame>(FramePtr(FramePtr(), around));
  if (given.positional.size() > node.parameters.size())
    run_.fail("{}: expected at most {} arguments, found {}", node.name, node.parameters.size(),
              given.positional.size());
  for (size_t i = 0; i < given.positional.size(); ++i)
    frame->values.insert_or_assign(node.parameters[i].first, std::move(given.positional[i]));
  for (auto& [name, value] : given.named) {
    const bool known = std::any_of(node.parameters.begin(), node.parameters.end(),
                                   [&](const auto& parameter) { return parameter.first == name; });
    if (!known) run_.fail("{}: there is no argument {}", node.name, saker::quoted(name));
    if (!frame->values.try_emplace(name, std::move(value)).second)
      run_.fail("{}: the argument {} is given twice", node.name, name);
  }
  for (const auto& [name, standard] : node.parameters) {
    if (frame->values.contains(name)) continue;
    Value value = standard ? evaluate(standard, *frame)
                           : Value(Undefined{fmt::format("the argument {} was not given", saker::quoted(name))});
    frame->values.insert_or_assign(name, std::move(value));
  }
  const int loops = std::exchange(loops_, 0);
  std::string text = text_of(node.body, frame);
  loops_ = loops;
  run_.line = line;
  return run_.text(std::move(text));
}

}  // namespace

std::string render(const Block& block, const Variables& variables, const Limits& limits) {
  return Evaluator(limits).render(block, variables);
}

}  // namespace saker::jinja
