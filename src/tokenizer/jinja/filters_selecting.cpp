#include "tokenizer/jinja/access.h"
#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/filter_table.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/strings.h"

namespace saker::jinja {

namespace {

// The first of the positional arguments, taken from them: what the filter is about.
Value take_first(Run& run, std::string_view filter, Arguments& arguments) {
  if (arguments.positional.empty()) run.fail("{}: expected an argument, found none", filter);
  Value first = std::move(arguments.positional.front());
  arguments.positional.erase(arguments.positional.begin());
  return first;
}

std::string name_of(Run& run, const Value& value, std::string_view what) {
  if (!value.text()) run.fail("expected the name of a {}, found {}", what, value.type());
  return *value.text();
}

Value map_attribute(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "map", arguments, {"attribute", "default"}, 1);
  std::vector<Value> out;
  for (const Value& item : elements(run, value)) {
    Value found = by_path(run, item, given[0]);
    out.push_back(found.is_undefined() && given.has(1) ? given[1] : std::move(found));
  }
  return run.list(std::move(out), ListKind::iterator);
}

Value map_filter(Run& run, const Value& value, Arguments& arguments) {
  if (arguments.positional.empty() && !arguments.named.empty()) return map_attribute(run, value, arguments);
  const std::string name = name_of(run, take_first(run, "map", arguments), "filter");
  const Filter filter = find_filter(name);
  if (!filter) run.fail("there is no filter {}", saker::quoted(name));
  std::vector<Value> out;
  for (const Value& item : elements(run, value)) {
    Arguments each = arguments;
    out.push_back(filter(run, item, each));
  }
  return run.list(std::move(out), ListKind::iterator);
}

// select, reject, selectattr, rejectattr: the items, or what a path finds in them, for which a test holds or does not.
template <bool keeps, bool inside>
Value select(Run& run, const Value& value, Arguments& arguments) {
  const Value path = inside ? take_first(run, "selectattr", arguments) : Value();
  Test test = nullptr;
  if (!arguments.positional.empty()) {
    const std::string name = name_of(run, take_first(run, "select", arguments), "test");
    test = find_test(name);
    if (!test) run.fail("there is no test {}", saker::quoted(name));
  }
  std::vector<Value> out;
  for (Value& item : elements(run, value)) {
    const Value of = inside ? by_path(run, item, path) : item;
    Arguments each = arguments;
    if ((test ? test(run, of, each) : is_true(of)) == keeps) out.push_back(std::move(item));
  }
  return run.list(std::move(out), ListKind::iterator);
}

constexpr NamedFilter kFilters[] = {
    {"map", map_filter},
    {"select", select<true, false>},
    {"reject", select<false, false>},
    {"selectattr", select<true, true>},
    {"rejectattr", select<false, true>},
};

}  // namespace

Value by_path(Run& run, const Value& value, const Value& path) {
  if (!path.text()) return item(run, value, path);
  Value found = value;
  for (const std::string_view part : split(*path.text(), ".", -1)) {
    const bool number =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string_view::npos;
    found = item(run, found, number ? Value(int64_t{std::stoi(std::string(part))}) : Value(part));
  }
  return found;
}

std::span<const NamedFilter> selecting_filters() {
  return kFilters;
}

}  // namespace saker::jinja
