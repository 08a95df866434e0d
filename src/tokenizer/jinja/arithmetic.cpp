#include <algorithm>
#include <cmath>
#include <limits>

#include "tokenizer/jinja/operators.h"

namespace saker::jinja {

namespace {

constexpr std::string_view symbol(Operator op) noexcept {
  switch (op) {
    case Operator::add: return "+";
    case Operator::subtract: return "-";
    case Operator::multiply: return "*";
    case Operator::divide: return "/";
    case Operator::floor_divide: return "//";
    case Operator::modulo: return "%";
    case Operator::power: return "**";
  }
  return "";
}

[[noreturn]] void too_large(const Run& run) {
  run.fail("expected integers of 64 bits, found a larger one");
}

int64_t floor_divide(const Run& run, int64_t a, int64_t b) {
  if (a == std::numeric_limits<int64_t>::min() && b == -1) too_large(run);
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

int64_t modulo(int64_t a, int64_t b) {
  if (b == -1) return 0;
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

Value power(const Run& run, int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) run.fail("0 has no negative power");
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  }
  int64_t result = 1;
  for (int64_t square = base;;) {
    if ((exponent & 1) && __builtin_mul_overflow(result, square, &result)) too_large(run);
    exponent >>= 1;
    if (exponent == 0) return result;
    if (__builtin_mul_overflow(square, square, &square)) too_large(run);
  }
}

Value whole(const Run& run, Operator op, int64_t a, int64_t b) {
  const bool divides = op == Operator::divide || op == Operator::floor_divide || op == Operator::modulo;
  if (divides && b == 0) run.fail("division by zero");
  int64_t result = 0;
  switch (op) {
    case Operator::add:
      if (__builtin_add_overflow(a, b, &result)) too_large(run);
      return result;
    case Operator::subtract:
      if (__builtin_sub_overflow(a, b, &result)) too_large(run);
      return result;
    case Operator::multiply:
      if (__builtin_mul_overflow(a, b, &result)) too_large(run);
      return result;
    case Operator::divide: return static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b));
    case Operator::floor_divide: return floor_divide(run, a, b);
    case Operator::modulo: return modulo(a, b);
    case Operator::power: return power(run, a, b);
  }
  return {};
}

double modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  if (rest == 0.0) return std::copysign(0.0, b);
  return (rest < 0.0) != (b < 0.0) ? rest + b : rest;
}

// As CPython does it: from the remainder, so that both agree.
double floor_divide(double a, double b) {
  const double quotient = (a - modulo(a, b)) / b;
  if (quotient == 0.0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1.0 : floored;
}

double power(const Run& run, double a, double b) {
  if (a == 0.0 && b < 0.0) run.fail("0 has no negative power");
  if (a < 0.0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b))
    run.fail("a negative number has no fractional power");
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) run.fail("the result is too large");
  return result;
}

Value fraction(const Run& run, Operator op, double a, double b) {
  const bool divides = op == Operator::divide || op == Operator::floor_divide || op == Operator::modulo;
  if (divides && b == 0.0) run.fail("division by zero");
  switch (op) {
    case Operator::add: return a + b;
    case Operator::subtract: return a - b;
    case Operator::multiply: return a * b;
    case Operator::divide: return a / b;
    case Operator::floor_divide: return floor_divide(a, b);
    case Operator::modulo: return modulo(a, b);
    case Operator::power: return power(run, a, b);
  }
  return {};
}

Value concatenated(Run& run, const List& a, const List& b) {
  std::vector<Value> items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return run.list(std::move(items), a.kind);
}

// Counted before it is made.
int64_t repetitions(Run& run, int64_t times, int64_t weight) {
  times = std::max<int64_t>(times, 0);
  int64_t total = 0;
  if (__builtin_mul_overflow(times, weight + 1, &total)) total = std::numeric_limits<int64_t>::max();
  run.spend(total);
  return times;
}

std::optional<Value> repeated(Run& run, const Value& value, int64_t times) {
  if (const std::string* text = value.text()) {
    std::string out;
    if (!text->empty())
      for (int64_t i = repetitions(run, times, static_cast<int64_t>(text->size())); i > 0; --i) out += *text;
    return Value(std::move(out));
  }
  if (const List* list = value.list(); list && list->kind != ListKind::iterator) {
    std::vector<Value> items;
    if (!list->items.empty())
      for (int64_t i = repetitions(run, times, list->weight); i > 0; --i)
        items.insert(items.end(), list->items.begin(), list->items.end());
    return run.list(std::move(items), list->kind);
  }
  return std::nullopt;
}

}  // namespace

Value calculate(Run& run, Operator op, const Value& left, const Value& right) {
  run.refuse_undefined(left);
  const bool formatting = op == Operator::modulo && left.text();  // refused for what it is
  if (!formatting) run.refuse_undefined(right);
  int64_t a = 0, b = 0;
  const bool left_whole = left.to_integer(a), right_whole = right.to_integer(b);
  if (left_whole && right_whole) return whole(run, op, a, b);
  double x = 0.0, y = 0.0;
  if (left.to_number(x) && right.to_number(y)) return fraction(run, op, x, y);
  if (op == Operator::add) {
    if (left.text() && right.text()) return run.text(*left.text() + *right.text());
    const List *first = left.list(), *second = right.list();
    if (first && second && first->kind == second->kind && first->kind != ListKind::iterator)
      return concatenated(run, *first, *second);
  }
  if (op == Operator::multiply && (left_whole || right_whole))
    if (std::optional<Value> result = left_whole ? repeated(run, right, a) : repeated(run, left, b)) return *result;
  run.fail("{} {} {} is not possible", left.type(), symbol(op), right.type());
}

Value negative(Run& run, const Value& value) {
  run.refuse_undefined(value);
  if (const double* number = value.number()) return -*number;
  return calculate(run, Operator::subtract, Value(int64_t{0}), value);
}

Value positive(Run& run, const Value& value) {
  run.refuse_undefined(value);
  return calculate(run, Operator::add, Value(int64_t{0}), value);
}

}  // namespace saker::jinja
