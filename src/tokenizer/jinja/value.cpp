#include "tokenizer/jinja/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace saker::jinja {

namespace {
constexpr int64_t kValueWeight = 48;
}  // namespace

List::List(std::vector<Value> values, ListKind of) : items(std::move(values)), kind(of) {
  for (const Value& item : items) {
    depth = std::max(depth, item.depth() + 1);
    weight += item.weight();
  }
}

bool Value::to_integer(int64_t& out) const noexcept {
  if (const bool* held = boolean())
    out = *held ? 1 : 0;
  else if (const int64_t* whole = integer())
    out = *whole;
  else
    return false;
  return true;
}

bool Value::to_number(double& out) const noexcept {
  int64_t whole = 0;
  if (const double* held = number())
    out = *held;
  else if (to_integer(whole))
    out = static_cast<double>(whole);
  else
    return false;
  return true;
}

int Value::depth() const noexcept {
  if (const List* held = list()) return held->depth;
  if (const Dict* held = dict()) return held->depth;
  return 0;
}

int64_t Value::weight() const noexcept {
  if (const List* held = list()) return kValueWeight + held->weight;
  if (const Dict* held = dict()) return kValueWeight + held->weight;
  if (const std::string* held = text()) return kValueWeight + static_cast<int64_t>(held->size());
  return kValueWeight;
}

std::string_view Value::type() const noexcept {
  if (is_undefined()) return "an undefined value";
  if (is_none()) return "None";
  if (boolean()) return "a boolean";
  if (integer()) return "an integer";
  if (number()) return "a fraction";
  if (text()) return "a string";
  if (const List* held = list())
    return held->kind == ListKind::list ? "a list" : held->kind == ListKind::tuple ? "a tuple" : "an iterator";
  if (dict()) return "a dict";
  if (names()) return "a namespace";
  return loop() ? "a loop" : "a function";
}

bool Dict::key_of(const Value& key, std::string& out) {
  int64_t whole = 0;
  if (const std::string* text = key.text()) {
    out += 's' + std::to_string(text->size()) + ':' + *text;
  } else if (key.to_integer(whole)) {
    out += 'n' + std::to_string(whole) + ',';
  } else if (const double* number = key.number()) {
    const bool integral = *number == std::floor(*number) && std::abs(*number) < 0x1p63;
    out += integral ? fmt::format("n{},", static_cast<int64_t>(*number)) : fmt::format("f{},", *number);
  } else if (key.is_none() || key.is_undefined()) {
    out += key.is_none() ? '-' : '?';
  } else if (const List* list = key.list(); list && list->kind == ListKind::tuple) {
    out += '(';
    for (const Value& item : list->items)
      if (!key_of(item, out)) return false;
    out += ')';
  } else {
    return false;
  }
  return true;
}

bool Dict::insert(Value key, Value value) {
  std::string name;
  if (!key_of(key, name)) return false;
  depth = std::max({depth, key.depth() + 1, value.depth() + 1});
  weight += key.weight() + value.weight();
  const auto [place, added] = places.try_emplace(std::move(name), items.size());
  if (added)
    items.emplace_back(std::move(key), std::move(value));
  else
    items[place->second].second = std::move(value);
  return true;
}

const Value* Dict::find(const Value& key) const {
  std::string name;
  if (!key_of(key, name)) return nullptr;
  const auto found = places.find(name);
  return found == places.end() ? nullptr : &items[found->second].second;
}

const Value* Dict::find(std::string_view key) const {
  return find(Value(key));
}

}  // namespace saker::jinja
