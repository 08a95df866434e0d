#include <charconv>
#include <cmath>
#include <limits>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/filter_table.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/printing.h"
#include "tokenizer/jinja/strings.h"

namespace saker::jinja {

namespace {

Value default_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "default", arguments, {"default_value", "boolean"});
  const bool absent = value.is_undefined() || (given.truth(1, false) && !is_true(value));
  if (!absent) return value;
  return given.has(0) ? given[0] : Value("");
}

Value length_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "length", arguments, {});
  return length_of(run, value);
}

// Digits with single underscores between them, as Python's int() and float() take them.
bool without_underscores(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
      continue;
    }
    const auto digit = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    if (i == 0 || !digit(i - 1) || !digit(i + 1)) return false;
  }
  return true;
}

template <class T>
bool parse(std::string_view text, T& out) {
  std::string plain;
  text = strip(text);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return false;
  }
  if (!without_underscores(text, plain)) return false;
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), out);
  if (error == std::errc::result_out_of_range) out = std::numeric_limits<T>::max();
  return error != std::errc::invalid_argument && end == plain.data() + plain.size();
}

bool to_fraction(const Value& value, double& out) {
  if (const std::string* text = value.text()) return parse(*text, out);
  return value.to_number(out);
}

Value int_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "int", arguments, {"default"});
  run.refuse_undefined(value);
  int64_t whole = 0;
  if (value.to_integer(whole)) return whole;
  if (value.text() && parse(*value.text(), whole)) {
    if (whole == std::numeric_limits<int64_t>::max()) run.fail("expected integers of 64 bits, found a larger one");
    return whole;
  }
  double number = 0.0;
  if (!to_fraction(value, number) || !std::isfinite(number)) return given.has(0) ? given[0] : Value(int64_t{0});
  if (std::abs(number) >= 0x1p63) run.fail("expected integers of 64 bits, found a larger one");
  return static_cast<int64_t>(number);
}

Value float_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "float", arguments, {"default"});
  run.refuse_undefined(value);
  double number = 0.0;
  if (to_fraction(value, number)) return number;
  return given.has(0) ? given[0] : Value(0.0);
}

Value abs_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "abs", arguments, {});
  int64_t whole = 0;
  if (value.to_integer(whole)) return whole < 0 ? negative(run, whole) : Value(whole);
  if (const double* number = value.number()) return std::abs(*number);
  run.fail("abs: expected a number, found {}", value.type());
}

// Correctly rounded in decimal, as Python's round(): a text of so many digits is.
double rounded(double value, int64_t digits) {
  if (!std::isfinite(value) || digits > 300) return value;
  if (digits >= 0) return std::stod(fmt::format("{:.{}f}", value, digits));
  const double power = std::pow(10.0, static_cast<double>(std::min<int64_t>(-digits, 308)));
  return std::nearbyint(value / power) * power;
}

Value round_filter(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "round", arguments, {"precision", "method"});
  const int64_t digits = given.integer(0, 0);
  const std::string how = given.text(1, "common");
  double number = 0.0;
  if (!value.to_number(number)) run.fail("round: expected a number, found {}", value.type());
  if (how == "common") {
    int64_t whole = 0;
    if (value.to_integer(whole) && digits >= 0) return whole;
    const double result = rounded(number, digits);
    if (!value.to_integer(whole)) return result;
    if (std::abs(result) >= 0x1p63) run.fail("expected integers of 64 bits, found a larger one");
    return static_cast<int64_t>(result);
  }
  if (how != "ceil" && how != "floor") run.fail("round: method: expected common, ceil or floor, found {}", quoted(how));
  const double power = std::pow(10.0, static_cast<double>(digits));
  const double result =
      ((how == "ceil" ? std::ceil(number * power) : std::floor(number * power)) + 0.0) / power;  // no -0
  if (!std::isfinite(result)) run.fail("round: the result is too large");
  return result;
}

constexpr NamedFilter kFilters[] = {
    {"default", default_filter}, {"d", default_filter},   {"length", length_filter}, {"count", length_filter},
    {"int", int_filter},         {"float", float_filter}, {"abs", abs_filter},       {"round", round_filter},
};

}  // namespace

std::span<const NamedFilter> value_filters() {
  return kFilters;
}

}  // namespace saker::jinja
