#include <algorithm>
#include <cmath>

#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/strings.h"

namespace saker::jinja {

namespace {

template <class T>
int sign_of(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

// Nothing: not both numbers, or one is NaN. Exact: what a double holds of an integer may be another.
std::optional<int> order_of_numbers(const Value& left, const Value& right) {
  int64_t a = 0, b = 0;
  const bool left_whole = left.to_integer(a), right_whole = right.to_integer(b);
  if (left_whole && right_whole) return sign_of(a, b);
  double x = 0.0, y = 0.0;
  if (!left.to_number(x) || !right.to_number(y) || std::isnan(x) || std::isnan(y)) return std::nullopt;
  if (left_whole) return sign_of(static_cast<long double>(a), static_cast<long double>(y));
  if (right_whole) return sign_of(static_cast<long double>(x), static_cast<long double>(b));
  return sign_of(x, y);
}

bool equal_lists(Run& run, const List& a, const List& b) {
  if (&a == &b) return true;
  if (a.kind != b.kind || a.kind == ListKind::iterator || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i)
    if (!equal(run, a.items[i], b.items[i])) return false;
  return true;
}

bool equal_dicts(Run& run, const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    run.spend(key.weight());
    const Value* other = b.find(key);
    if (!other || !equal(run, value, *other)) return false;
  }
  return true;
}

bool contains(Run& run, const Value& container, const Value& item) {
  if (const std::string* text = container.text()) {
    const std::string* part = item.text();
    if (!part) run.fail("expected a string to look for in a string, found {}", item.type());
    run.spend(static_cast<int64_t>(text->size()));
    return text->find(*part) != std::string::npos;
  }
  if (const Dict* dict = container.dict()) {
    run.spend(item.weight());
    std::string key;
    if (!Dict::key_of(item, key)) run.fail("expected a key that does not change, found {}", item.type());
    return dict->places.contains(key);
  }
  for (const Value& element : elements(run, container))
    if (equal(run, element, item)) return true;
  return false;
}

}  // namespace

bool is_true(const Value& value) noexcept {
  if (value.is_undefined() || value.is_none()) return false;
  if (const std::string* text = value.text()) return !text->empty();
  if (const List* list = value.list()) return list->kind == ListKind::iterator || !list->items.empty();
  if (const Dict* dict = value.dict()) return !dict->items.empty();
  double number = 0.0;
  if (value.to_number(number)) return number != 0.0;
  return true;
}

bool equal(Run& run, const Value& left, const Value& right) {
  run.spend(kStep);
  if (left.is_number() && right.is_number()) return order_of_numbers(left, right) == 0;
  if (left.text() && right.text()) {
    if (left.text()->size() != right.text()->size()) return false;
    run.spend(static_cast<int64_t>(left.text()->size()));
    return *left.text() == *right.text();
  }
  if (left.list() && right.list()) return equal_lists(run, *left.list(), *right.list());
  if (left.dict() && right.dict()) return equal_dicts(run, *left.dict(), *right.dict());
  if (left.is_undefined() || left.is_none())
    return left.is_undefined() == right.is_undefined() && left.is_none() == right.is_none();
  if (left.names()) return left.names() == right.names();
  return (left.function() && left.function() == right.function()) || (left.loop() && left.loop() == right.loop());
}

std::optional<int> order(Run& run, const Value& left, const Value& right) {
  run.spend(kStep);
  for (const Value* side : {&left, &right}) run.refuse_undefined(*side);
  if (left.is_number() && right.is_number()) return order_of_numbers(left, right);
  if (left.text() && right.text()) {
    run.spend(static_cast<int64_t>(std::min(left.text()->size(), right.text()->size())));
    return sign_of(left.text()->compare(*right.text()), 0);
  }
  const List *a = left.list(), *b = right.list();
  if (!a || !b || a->kind != b->kind || a->kind == ListKind::iterator)
    run.fail("{} and {} have no order", left.type(), right.type());
  for (size_t i = 0; i < a->items.size() && i < b->items.size(); ++i)
    if (!equal(run, a->items[i], b->items[i])) return order(run, a->items[i], b->items[i]);
  return sign_of(a->items.size(), b->items.size());
}

bool compare(Run& run, Comparison op, const Value& left, const Value& right) {
  switch (op) {
    case Comparison::equal: return equal(run, left, right);
    case Comparison::not_equal: return !equal(run, left, right);
    case Comparison::in: return contains(run, right, left);
    case Comparison::not_in: return !contains(run, right, left);
    default: break;
  }
  const std::optional<int> sign = order(run, left, right);
  if (!sign) return false;
  switch (op) {
    case Comparison::less: return *sign < 0;
    case Comparison::less_equal: return *sign <= 0;
    case Comparison::greater: return *sign > 0;
    default: return *sign >= 0;
  }
}

std::vector<Value> elements(Run& run, const Value& value) {
  run.spend(kStep);
  std::vector<Value> out;
  if (const List* list = value.list()) {
    run.spend(static_cast<int64_t>(list->items.size()) * kStep);
    out = list->items;
  } else if (const Dict* dict = value.dict()) {
    run.spend(static_cast<int64_t>(dict->items.size()) * kStep);
    for (const auto& [key, ignored] : dict->items) out.push_back(key);
  } else if (const std::string* text = value.text()) {
    run.spend(static_cast<int64_t>(text->size()) * kStep);
    for (const std::string_view c : characters(*text)) out.emplace_back(c);
  } else if (!value.is_undefined()) {
    run.fail("expected something to go through, found {}", value.type());
  }
  return out;
}

int64_t length_of(Run& run, const Value& value) {
  if (const std::string* text = value.text()) {
    run.spend(static_cast<int64_t>(text->size()));
    return length(*text);
  }
  if (const List* list = value.list(); list && list->kind != ListKind::iterator)
    return static_cast<int64_t>(list->items.size());
  if (const Dict* dict = value.dict()) return static_cast<int64_t>(dict->items.size());
  if (value.is_undefined()) return 0;
  run.fail("{} has no length", value.type());
}

}  // namespace saker::jinja
