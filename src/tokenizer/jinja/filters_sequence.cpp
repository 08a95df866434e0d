#include <algorithm>
#include <set>
#include <utility>

#include "tokenizer/jinja/access.h"
#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/filter_table.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/printing.h"
#include "tokenizer/jinja/strings.h"

namespace saker::jinja {

namespace {

Value join(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "join", arguments, {"d", "attribute"});
  const std::string between = to_text(run, given[0]);
  const bool inside = given.has(1) && !given[1].is_none();
  std::string out;
  bool first = true;
  for (const Value& item : elements(run, value)) {
    if (!std::exchange(first, false)) {
      run.spend(static_cast<int64_t>(between.size()));
      out += between;
    }
    out += to_text(run, inside ? by_path(run, item, given[1]) : item);
  }
  return out;
}

Value first_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "first", arguments, {});
  std::vector<Value> items = elements(run, value);
  return items.empty() ? Value(Undefined{"there is no first item of nothing"}) : std::move(items.front());
}

Value last_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "last", arguments, {});
  if (value.list() && value.list()->kind == ListKind::iterator) run.fail("last: expected a list, found an iterator");
  std::vector<Value> items = elements(run, value);
  return items.empty() ? Value(Undefined{"there is no last item of nothing"}) : std::move(items.back());
}

Value list_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "list", arguments, {});
  return run.list(elements(run, value));
}

Value reverse_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "reverse", arguments, {});
  std::vector<Value> items = elements(run, value);
  std::reverse(items.begin(), items.end());
  if (!value.text()) return run.list(std::move(items), ListKind::iterator);
  std::string out;
  for (const Value& c : items) out += *c.text();
  return out;
}

Value items_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "items", arguments, {});
  std::vector<Value> items;
  if (const Dict* dict = value.dict())
    for (const auto& [key, held] : dict->items) items.push_back(run.tuple({key, held}));
  else if (!value.is_undefined())
    run.fail("items: expected a dict, found {}", value.type());
  return run.list(std::move(items), ListKind::iterator);
}

// What items are sorted and told apart by.
Value sort_key(Run& run, const Value& item, const Value& path, bool case_sensitive) {
  Value key = path.is_undefined() || path.is_none() ? item : by_path(run, item, path);
  return key.text() && !case_sensitive ? run.text(lower(*key.text())) : key;
}

// Stable. Throws for items without an order.
std::vector<Value> sorted(Run& run, std::vector<Value> items, const std::vector<Value>& keys, bool reverse) {
  std::vector<size_t> places(items.size());
  for (size_t i = 0; i < places.size(); ++i) places[i] = i;
  std::stable_sort(places.begin(), places.end(),
                   [&](size_t a, size_t b) { return order(run, keys[reverse ? b : a], keys[reverse ? a : b]) == -1; });
  std::vector<Value> out;
  for (const size_t place : places) out.push_back(std::move(items[place]));
  return out;
}

Value sort_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "sort", arguments, {"reverse", "case_sensitive", "attribute"});
  std::vector<Value> items = elements(run, value), keys;
  for (const Value& item : items) keys.push_back(sort_key(run, item, given[2], given.truth(1, false)));
  return run.list(sorted(run, std::move(items), keys, given.truth(0, false)));
}

Value dictsort(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = given.text(1, "key");
  if (by != "key" && by != "value") run.fail("dictsort: by: expected key or value, found {}", saker::quoted(by));
  if (!value.dict()) run.fail("dictsort: expected a dict, found {}", value.type());
  std::vector<Value> items, keys;
  for (const auto& [key, held] : value.dict()->items) {
    items.push_back(run.tuple({key, held}));
    keys.push_back(sort_key(run, by == "key" ? key : held, {}, given.truth(0, false)));
  }
  return run.list(sorted(run, std::move(items), keys, given.truth(2, false)));
}

Value unique(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "unique", arguments, {"case_sensitive", "attribute"});
  std::set<std::string> seen;
  std::vector<Value> out;
  for (Value& item : elements(run, value)) {
    const Value key = sort_key(run, item, given[1], given.truth(0, false));
    std::string name;
    run.spend(key.weight());
    if (!Dict::key_of(key, name)) run.fail("unique: expected values that do not change, found {}", key.type());
    if (seen.insert(std::move(name)).second) out.push_back(std::move(item));
  }
  return run.list(std::move(out), ListKind::iterator);
}

Value sum_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "sum", arguments, {"attribute", "start"});
  const bool inside = given.has(0) && !given[0].is_none();
  Value total = given.has(1) ? given[1] : Value(int64_t{0});
  for (const Value& item : elements(run, value))
    total = calculate(run, Operator::add, total, inside ? by_path(run, item, given[0]) : item);
  return total;
}

template <int wanted>
Value extreme(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, wanted < 0 ? "min" : "max", arguments, {"case_sensitive", "attribute"});
  Value best, best_key;
  for (Value& item : elements(run, value)) {
    Value key = sort_key(run, item, given[1], given.truth(0, false));
    if (!best.is_undefined() && order(run, key, best_key) != wanted) continue;
    best = std::move(item);
    best_key = std::move(key);
  }
  return best;
}

constexpr NamedFilter kFilters[] = {
    {"join", join},        {"first", first_filter},     {"last", last_filter},
    {"list", list_filter}, {"reverse", reverse_filter}, {"items", items_filter},
    {"sort", sort_filter}, {"dictsort", dictsort},      {"unique", unique},
    {"sum", sum_filter},   {"min", extreme<-1>},        {"max", extreme<1>},
};

}  // namespace

std::span<const NamedFilter> sequence_filters() {
  return kFilters;
}

}  // namespace saker::jinja
