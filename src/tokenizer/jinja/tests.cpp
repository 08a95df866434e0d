#include <map>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/printing.h"
#include "tokenizer/jinja/strings.h"

namespace saker::jinja {

namespace {

// A test of the value alone.
template <bool (*holds)(const Value&)>
bool plain(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "a test", arguments, {});
  return holds(value);
}

bool is_string(const Value& value) {
  return value.text() != nullptr;
}
bool is_defined(const Value& value) {
  return !value.is_undefined();
}
bool is_undefined(const Value& value) {
  return value.is_undefined();
}
bool is_none(const Value& value) {
  return value.is_none();
}
bool is_number(const Value& value) {
  return value.is_number();
}
bool is_integer(const Value& value) {
  return value.integer() != nullptr;
}
bool is_float(const Value& value) {
  return value.number() != nullptr;
}
bool is_boolean(const Value& value) {
  return value.boolean() != nullptr;
}
template <bool wanted>
bool is_truth(const Value& value) {
  return value.boolean() && *value.boolean() == wanted;
}
bool is_mapping(const Value& value) {
  return value.dict() != nullptr;
}
bool is_sequence(const Value& value) {
  return value.text() || value.dict() || value.is_undefined() ||
         (value.list() && value.list()->kind != ListKind::iterator);
}
bool is_iterable(const Value& value) {
  return is_sequence(value) || value.list() || value.loop();
}
// jinja2's undefined has a call, which refuses.
bool is_function(const Value& value) {
  return value.is_callable() || value.is_undefined();
}

template <bool (*holds)(std::string_view)>
bool of_text(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "a test", arguments, {});
  return holds(to_text(run, value));
}

template <Comparison op>
bool compared(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "a test", arguments, {"other"}, 1);
  return compare(run, op, value, given[0]);
}

bool is_same(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "sameas", arguments, {"other"}, 1);
  return value.type() == given[0].type() && equal(run, value, given[0]);
}

Value rest_of(Run& run, const Value& value, int64_t divisor) {
  return calculate(run, Operator::modulo, value, divisor);
}

template <int64_t wanted>
bool has_parity(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "a test", arguments, {});
  return equal(run, rest_of(run, value, 2), wanted);
}

bool is_divisible(Run& run, const Value& value, Arguments& arguments) {
  const Parameters given(run, "divisibleby", arguments, {"num"}, 1);
  return equal(run, calculate(run, Operator::modulo, value, given[0]), int64_t{0});
}

}  // namespace

Test find_test(std::string_view name) {
  static const std::map<std::string_view, Test> tests{
      {"defined", plain<is_defined>},
      {"undefined", plain<is_undefined>},
      {"none", plain<is_none>},
      {"string", plain<is_string>},
      {"number", plain<is_number>},
      {"integer", plain<is_integer>},
      {"float", plain<is_float>},
      {"boolean", plain<is_boolean>},
      {"true", plain<is_truth<true>>},
      {"false", plain<is_truth<false>>},
      {"mapping", plain<is_mapping>},
      {"sequence", plain<is_sequence>},
      {"iterable", plain<is_iterable>},
      {"callable", plain<is_function>},
      {"upper", of_text<is_upper>},
      {"lower", of_text<is_lower>},
      {"odd", has_parity<1>},
      {"even", has_parity<0>},
      {"divisibleby", is_divisible},
      {"sameas", is_same},
      {"in", compared<Comparison::in>},
      {"eq", compared<Comparison::equal>},
      {"equalto", compared<Comparison::equal>},
      {"==", compared<Comparison::equal>},
      {"ne", compared<Comparison::not_equal>},
      {"!=", compared<Comparison::not_equal>},
      {"lt", compared<Comparison::less>},
      {"lessthan", compared<Comparison::less>},
      {"<", compared<Comparison::less>},
      {"le", compared<Comparison::less_equal>},
      {"<=", compared<Comparison::less_equal>},
      {"gt", compared<Comparison::greater>},
      {"greaterthan", compared<Comparison::greater>},
      {">", compared<Comparison::greater>},
      {"ge", compared<Comparison::greater_equal>},
      {">=", compared<Comparison::greater_equal>},
  };
  const auto found = tests.find(name);
  return found == tests.end() ? nullptr : found->second;
}

}  // namespace saker::jinja
