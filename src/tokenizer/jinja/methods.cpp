#include <map>
#include <utility>

#include "tokenizer/jinja/access.h"
#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/printing.h"
#include "tokenizer/jinja/strings.h"

namespace saker::jinja {

namespace {

using TextMethod = Value (*)(Run&, const std::string&, Arguments&);
using DictMethod = Value (*)(Run&, const Dict&, Arguments&);

template <Side side>
Value strip_method(Run& run, const std::string& text, Arguments& arguments) {
  const Parameters given(run, "strip", arguments, {"chars"});
  const bool all = !given.has(0) || given[0].is_none();
  return all ? strip(text, side) : strip(text, given.text(0), side);
}

template <bool from_right>
Value split_method(Run& run, const std::string& text, Arguments& arguments) {
  const Parameters given(run, "split", arguments, {"sep", "maxsplit"});
  const int64_t limit = given.integer(1, -1);
  std::vector<std::string_view> parts;
  if (!given.has(0) || given[0].is_none()) {
    if (from_right && limit >= 0) run.fail("rsplit: expected a separator beside a number of splits, found none");
    parts = split_words(text, limit);
  } else {
    const std::string& separator = given.text(0);
    if (separator.empty()) run.fail("split: expected a separator, found an empty string");
    parts = from_right ? split_from_right(text, separator, limit) : split(text, separator, limit);
  }
  run.spend(static_cast<int64_t>(parts.size()) * kStep);
  return run.list({parts.begin(), parts.end()});
}

Value splitlines_method(Run& run, const std::string& text, Arguments& arguments) {
  const Parameters given(run, "splitlines", arguments, {});
  const std::vector<std::string_view> parts = split_lines(text);
  run.spend(static_cast<int64_t>(parts.size()) * kStep);
  return run.list({parts.begin(), parts.end()});
}

// Of one affix, or of any in a tuple.
template <bool at_start>
Value affix_method(Run& run, const std::string& text, Arguments& arguments) {
  const Parameters given(run, at_start ? "startswith" : "endswith", arguments, {"affix"}, 1);
  const auto has = [&](std::string_view affix) { return at_start ? text.starts_with(affix) : text.ends_with(affix); };
  const List* several = given[0].list();
  if (!several || several->kind != ListKind::tuple) return has(given.text(0));
  for (const Value& affix : several->items) {
    if (!affix.text()) run.fail("expected a tuple of strings, found {} in it", affix.type());
    if (has(*affix.text())) return true;
  }
  return false;
}

template <bool at_start>
Value remove_affix_method(Run& run, const std::string& text, Arguments& arguments) {
  const Parameters given(run, at_start ? "removeprefix" : "removesuffix", arguments, {"affix"}, 1);
  const std::string& affix = given.text(0);
  if (at_start) return text.starts_with(affix) ? text.substr(affix.size()) : text;
  return text.ends_with(affix) ? text.substr(0, text.size() - affix.size()) : text;
}

template <std::string (*convert)(std::string_view)>
Value converted(Run& run, const std::string& text, Arguments& arguments) {
  const Parameters given(run, "a string's method", arguments, {});
  return convert(text);
}

template <bool (*holds)(std::string_view)>
Value tested(Run& run, const std::string& text, Arguments& arguments) {
  const Parameters given(run, "a string's method", arguments, {});
  return holds(text);
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool all_spaces(std::string_view text) {
  return !text.empty() && strip(text).empty();
}

Value replace_method(Run& run, const std::string& text, Arguments& arguments) {
  const Parameters given(run, "replace", arguments, {"old", "new", "count"}, 2);
  run.spend(count(text, given.text(0)) * static_cast<int64_t>(given.text(1).size()));
  return run.text(replace(text, given.text(0), given.text(1), given.integer(2, -1)));
}

Value join_method(Run& run, const std::string& text, Arguments& arguments) {
  const Parameters given(run, "join", arguments, {"iterable"}, 1);
  std::string out;
  bool first = true;
  for (const Value& part : elements(run, given[0])) {
    if (!part.text()) run.fail("join: expected strings, found {}", part.type());
    run.spend(static_cast<int64_t>(text.size() + part.text()->size()));
    if (!std::exchange(first, false)) out += text;
    out += *part.text();
  }
  run.refuse_undefined(given[0]);
  return out;
}

Value find_method(Run& run, const std::string& text, Arguments& arguments) {
  return find(text, Parameters(run, "find", arguments, {"sub"}, 1).text(0));
}

Value count_method(Run& run, const std::string& text, Arguments& arguments) {
  return count(text, Parameters(run, "count", arguments, {"sub"}, 1).text(0));
}

Value keys_method(Run& run, const Dict& dict, Arguments& arguments) {
  const Parameters given(run, "keys", arguments, {});
  std::vector<Value> keys;
  for (const auto& [key, value] : dict.items) keys.push_back(key);
  return run.list(std::move(keys));
}

Value values_method(Run& run, const Dict& dict, Arguments& arguments) {
  const Parameters given(run, "values", arguments, {});
  std::vector<Value> values;
  for (const auto& [key, value] : dict.items) values.push_back(value);
  return run.list(std::move(values));
}

Value items_method(Run& run, const Dict& dict, Arguments& arguments) {
  const Parameters given(run, "items", arguments, {});
  std::vector<Value> items;
  for (const auto& [key, value] : dict.items) items.push_back(run.tuple({key, value}));
  return run.list(std::move(items));
}

Value get_method(Run& run, const Dict& dict, Arguments& arguments) {
  const Parameters given(run, "get", arguments, {"key", "default"}, 1);
  run.spend(given[0].weight());
  std::string key;
  if (!Dict::key_of(given[0], key)) run.fail("expected a key that does not change, found {}", given[0].type());
  if (const Value* found = dict.find(given[0])) return *found;
  return given.has(1) ? given[1] : Value(None{});
}

const std::map<std::string_view, TextMethod>& text_methods() {
  static const std::map<std::string_view, TextMethod> methods{
      {"strip", strip_method<Side::both>},
      {"lstrip", strip_method<Side::left>},
      {"rstrip", strip_method<Side::right>},
      {"split", split_method<false>},
      {"rsplit", split_method<true>},
      {"splitlines", splitlines_method},
      {"startswith", affix_method<true>},
      {"endswith", affix_method<false>},
      {"removeprefix", remove_affix_method<true>},
      {"removesuffix", remove_affix_method<false>},
      {"upper", converted<upper>},
      {"lower", converted<lower>},
      {"title", converted<title>},
      {"capitalize", converted<capitalize>},
      {"isupper", tested<is_upper>},
      {"islower", tested<is_lower>},
      {"isdigit", tested<all_digits>},
      {"isspace", tested<all_spaces>},
      {"replace", replace_method},
      {"join", join_method},
      {"find", find_method},
      {"count", count_method},
  };
  return methods;
}

const std::map<std::string_view, DictMethod>& dict_methods() {
  static const std::map<std::string_view, DictMethod> methods{
      {"keys", keys_method}, {"values", values_method}, {"items", items_method}, {"get", get_method}};
  return methods;
}

// The value itself is kept by the function.
template <class Methods, class Held>
Value bound(const Methods& methods, const std::string& name, const Value& value,
            const Held* (Value::*held)() const noexcept) {
  const auto found = methods.find(name);
  if (found == methods.end()) return {};
  return std::make_shared<const Function>(
      Function{fmt::format("<method {}>", name), [value, held, of = found->second](Run& run, Arguments& arguments) {
                 run.spend(value.weight());
                 return of(run, *(value.*held)(), arguments);
               }});
}

}  // namespace

Value method(Run& run, const Value& value, const std::string& name) {
  run.spend(kStep);
  if (value.text()) return bound(text_methods(), name, value, &Value::text);
  if (value.dict()) return bound(dict_methods(), name, value, &Value::dict);
  return {};
}

}  // namespace saker::jinja
