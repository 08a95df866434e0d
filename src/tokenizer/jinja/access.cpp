#include "tokenizer/jinja/access.h"

#include <algorithm>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/strings.h"

namespace saker::jinja {

namespace {

Undefined missing(const Value& value, const std::string& name) {
  return {fmt::format("{} has no attribute {}", value.type(), saker::quoted(name))};
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

int64_t integer_bound(const Run& run, const Value& value) {
  int64_t at = 0;
  if (!value.to_integer(at)) run.fail("expected integers for a slice, found {}", value.type());
  return at;
}

int64_t bound(const Run& run, const Value& value, int64_t standard, int64_t size, int64_t low, int64_t high) {
  if (value.is_none()) return standard;
  int64_t at = integer_bound(run, value);
  if (at < 0) at = at < -size ? -1 : at + size;
  return std::clamp(at, low, high);
}

Bounds bounds_of(const Run& run, const Value& start, const Value& stop, const Value& step, size_t count) {
  const auto size = static_cast<int64_t>(count);
  const int64_t by = step.is_none() ? 1 : integer_bound(run, step);
  if (by == 0) run.fail("a slice cannot go in steps of zero");
  const int64_t low = by > 0 ? 0 : -1, high = by > 0 ? size : size - 1;
  return {bound(run, start, by > 0 ? low : high, size, low, high),
          bound(run, stop, by > 0 ? high : low, size, low, high), std::clamp(by, -size - 1, size + 1)};
}

template <class Function>
void for_each_place(const Bounds& bounds, const Function& function) {
  for (int64_t i = bounds.start; bounds.step > 0 ? i < bounds.stop : i > bounds.stop; i += bounds.step)
    function(static_cast<size_t>(i));
}

}  // namespace

Value attribute(Run& run, const Value& value, const std::string& name) {
  run.refuse_undefined(value);
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
  run.refuse_undefined(value);
  if (Value found = member(run, value, key); !found.is_undefined()) return found;
  if (const std::string* name = key.text()) {
    if (!value.dict()) return attribute(run, value, *name);
    if (Value found = method(run, value, *name); !found.is_undefined()) return found;
    return missing(value, *name);
  }
  return Undefined{fmt::format("{} has no such item", value.type())};
}

Value slice(Run& run, const Value& value, const Value& start, const Value& stop, const Value& step) {
  run.refuse_undefined(value);
  if (const std::string* text = value.text()) {
    run.spend(static_cast<int64_t>(text->size()));
    const std::vector<std::string_view> all = characters(*text);
    std::string out;
    for_each_place(bounds_of(run, start, stop, step, all.size()), [&](size_t i) { out += all[i]; });
    return out;
  }
  const List* list = value.list();
  if (!list || list->kind == ListKind::iterator) run.fail("{} has no slices", value.type());
  std::vector<Value> out;
  for_each_place(bounds_of(run, start, stop, step, list->items.size()),
                 [&](size_t i) { out.push_back(list->items[i]); });
  return run.list(std::move(out), list->kind);
}

Value call(Run& run, const Value& callee, Arguments& arguments) {
  run.refuse_undefined(callee);
  if (!callee.function()) run.fail("expected a function to call, found {}", callee.type());
  return callee.function()->call(run, arguments);
}

}  // namespace saker::jinja
