#include "tokenizer/jinja/access.h"

#include <algorithm>
#include <optional>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/strings.h"

namespace saker::jinja {

namespace {

void refuse_undefined(const Run& run, const Value& value) {
  if (const Undefined* undefined = value.undefined()) run.fail("{}", undefined->why);
}

Undefined missing(const Value& value, const std::string& name) {
  return {fmt::format("{} has no attribute {}", value.type(), saker::quoted(name))};
}

Undefined no_slice(const Value& value) {
  return {fmt::format("{} has no such slice", value.type())};
}

Value cycle(Run& run, const Loop& loop, const Arguments& arguments) {
  if (arguments.positional.empty()) run.fail("loop.cycle: expected at least one argument, found none");
  return arguments.positional[loop.index % arguments.positional.size()];
}

Value loop_attribute(const Loop& loop, const std::string& name) {
  const std::vector<Value>& items = *loop.items;
  const auto index = static_cast<int64_t>(loop.index), size = static_cast<int64_t>(items.size());
  if (name == "index") return index + 1;
  if (name == "index0") return index;
  if (name == "revindex") return size - index;
  if (name == "revindex0") return size - index - 1;
  if (name == "first") return index == 0;
  if (name == "last") return index + 1 == size;
  if (name == "length") return size;
  if (name == "depth") return int64_t{loop.depth};
  if (name == "depth0") return int64_t{loop.depth} - 1;
  if (name == "previtem") return index > 0 ? items[loop.index - 1] : Value(Undefined{"there is no previous item"});
  if (name == "nextitem") return index + 1 < size ? items[loop.index + 1] : Value(Undefined{"there is no next item"});
  if (name == "cycle")
    return std::make_shared<const Function>(
        Function{"<method cycle>", [loop](Run& run, Arguments& arguments) { return cycle(run, loop, arguments); }});
  return Undefined{fmt::format("loop has no attribute {}", saker::quoted(name))};
}

Value member(Run& run, const Value& value, const Value& key) {
  if (const Dict* dict = value.dict()) {
    run.spend(key.weight());
    const Value* found = dict->find(key);
    return found ? *found : Value();
  }
  int64_t index = 0;
  if (!key.to_integer(index)) return {};
  if (const List* list = value.list(); list && list->kind != ListKind::iterator) {
    const auto size = static_cast<int64_t>(list->items.size());
    if (index < 0) index += size;
    return index >= 0 && index < size ? list->items[static_cast<size_t>(index)] : Value();
  }
  if (const std::string* text = value.text()) {
    run.spend(static_cast<int64_t>(text->size()));
    const std::vector<std::string_view> all = characters(*text);
    if (index < 0) index += static_cast<int64_t>(all.size());
    return index >= 0 && index < static_cast<int64_t>(all.size()) ? Value(all[static_cast<size_t>(index)]) : Value();
  }
  return {};
}

// Python's rules for where a slice begins and ends.
struct Bounds {
  int64_t start, stop, step;
};

// False: the value is no integer.
bool bound(const Value& value, int64_t standard, int64_t size, int64_t low, int64_t high, int64_t& out) {
  out = standard;
  if (value.is_none()) return true;
  if (!value.to_integer(out)) return false;
  if (out < 0) out = out < -size ? -1 : out + size;
  out = std::clamp(out, low, high);
  return true;
}

// Nothing where a bound is no integer.
std::optional<Bounds> bounds_of(const Run& run, const Value& start, const Value& stop, const Value& step,
                                int64_t size) {
  Bounds bounds{0, size, 1};
  if (!step.is_none() && !step.to_integer(bounds.step)) return std::nullopt;
  if (bounds.step == 0) run.fail("a slice cannot go in steps of zero");
  const bool forward = bounds.step > 0;
  const int64_t low = forward ? 0 : -1, high = forward ? size : size - 1;
  if (!bound(start, forward ? low : high, size, low, high, bounds.start)) return std::nullopt;
  if (!bound(stop, forward ? high : low, size, low, high, bounds.stop)) return std::nullopt;
  bounds.step = std::clamp(bounds.step, -size - 1, size + 1);
  return bounds;
}

template <class Function>
void for_each_place(const Bounds& bounds, const Function& function) {
  for (int64_t i = bounds.start; bounds.step > 0 ? i < bounds.stop : i > bounds.stop; i += bounds.step)
    function(static_cast<size_t>(i));
}

}  // namespace

Value attribute(Run& run, const Value& value, const std::string& name) {
  refuse_undefined(run, value);
  if (const Loop* loop = value.loop()) return loop_attribute(*loop, name);
  if (const Namespace* names = value.names()) {
    const auto found = names->members.find(name);
    return found == names->members.end() ? Value(missing(value, name)) : found->second;
  }
  if (Value found = method(run, value, name); !found.is_undefined()) return found;
  if (const Dict* dict = value.dict())
    if (const Value* found = dict->find(Value(name))) return *found;
  return missing(value, name);
}

Value item(Run& run, const Value& value, const Value& key) {
  refuse_undefined(run, value);
  if (Value found = member(run, value, key); !found.is_undefined()) return found;
  if (const std::string* name = key.text())
    return value.dict() ? method(run, value, *name) : attribute(run, value, *name);
  return Undefined{fmt::format("{} has no such item", value.type())};
}

Value slice(Run& run, const Value& value, const Value& start, const Value& stop, const Value& step) {
  refuse_undefined(run, value);
  const auto bounds = [&](size_t size) { return bounds_of(run, start, stop, step, static_cast<int64_t>(size)); };
  if (const std::string* text = value.text()) {
    run.spend(static_cast<int64_t>(text->size()));
    const std::vector<std::string_view> all = characters(*text);
    std::string out;
    const std::optional<Bounds> places = bounds(all.size());
    if (!places) return no_slice(value);
    for_each_place(*places, [&](size_t i) { out += all[i]; });
    return out;
  }
  const List* list = value.list();
  if (!list || list->kind == ListKind::iterator) return no_slice(value);
  const std::optional<Bounds> places = bounds(list->items.size());
  if (!places) return no_slice(value);
  std::vector<Value> out;
  for_each_place(*places, [&](size_t i) { out.push_back(list->items[i]); });
  return run.list(std::move(out), list->kind);
}

Value call(Run& run, const Value& callee, Arguments& arguments) {
  refuse_undefined(run, callee);
  if (!callee.function()) run.fail("expected a function to call, found {}", callee.type());
  return callee.function()->call(run, arguments);
}

}  // namespace saker::jinja
