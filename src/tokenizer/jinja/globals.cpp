#include "tokenizer/jinja/globals.h"

#include <ctime>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/printing.h"

namespace saker::jinja {

namespace {

int64_t integer_argument(const Run& run, const Value& value) {
  int64_t whole = 0;
  if (!value.to_integer(whole)) run.fail("range: expected integers, found {}", value.type());
  return whole;
}

Value range(Run& run, Arguments& arguments) {
  const std::vector<Value>& given = arguments.positional;
  if (given.empty() || given.size() > 3 || !arguments.named.empty())
    run.fail("range: expected one to three integers, found {} arguments", given.size() + arguments.named.size());
  const int64_t start = given.size() > 1 ? integer_argument(run, given[0]) : 0;
  const int64_t stop = integer_argument(run, given[given.size() > 1]);
  const int64_t step = given.size() > 2 ? integer_argument(run, given[2]) : 1;
  if (step == 0) run.fail("range: cannot go in steps of zero");
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (items.size() == static_cast<size_t>(kMaxRange))
      run.fail("range: expected at most {} numbers, found more", kMaxRange);
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return run.list(std::move(items));
}

// The members of dicts, then the named arguments.
template <class Add>
void for_each_member(Run& run, std::string_view callee, Arguments& arguments, const Add& add) {
  if (arguments.positional.size() > 1) run.fail("{}: expected at most one dict, found more", callee);
  for (const Value& given : arguments.positional) {
    if (!given.dict()) run.fail("{}: expected a dict, found {}", callee, given.type());
    run.spend(given.weight());
    for (const auto& [key, value] : given.dict()->items) add(key, value);
  }
  for (auto& [name, value] : arguments.named) add(Value(name), value);
}

Value make_namespace(Run& run, Arguments& arguments) {
  Namespace* names = run.names();
  for_each_member(run, "namespace", arguments, [&](const Value& key, const Value& value) {
    names->members.insert_or_assign(to_text(run, key), value);
  });
  return names;
}

Value make_dict(Run& run, Arguments& arguments) {
  Dict dict;
  for_each_member(run, "dict", arguments, [&](const Value& key, const Value& value) { dict.insert(key, value); });
  return run.dict(std::move(dict));
}

Value raise_exception(Run& run, Arguments& arguments) {
  const Parameters given(run, "raise_exception", arguments, {"message"}, 1);
  run.fail("the template refuses: {}", saker::quoted(to_text(run, given[0]), 1000));
}

Value strftime_now(Run& run, Arguments& arguments) {
  const Parameters given(run, "strftime_now", arguments, {"format"}, 1);
  if (given.text(0).size() > 1000 || given.text(0).find('\0') != std::string::npos)
    run.fail("strftime_now: expected a short text, found {} bytes", given.text(0).size());
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  // One more character, so that an empty result differs from one that does not fit.
  const std::string format = given.text(0) + '.';
  std::string out(format.size() * 64, '\0');
  out.resize(std::strftime(out.data(), out.size(), format.c_str(), &local));
  if (out.empty()) run.fail("strftime_now: expected a format for a short text, found {}", saker::quoted(format));
  out.pop_back();
  return out;
}

Value function(const char* name, Value (*call)(Run&, Arguments&)) {
  return std::make_shared<const Function>(Function{fmt::format("<function {}>", name), call});
}

}  // namespace

const Variables& global_functions() {
  static const Variables functions{{"range", function("range", range)},
                                   {"namespace", function("namespace", make_namespace)},
                                   {"dict", function("dict", make_dict)},
                                   {"raise_exception", function("raise_exception", raise_exception)},
                                   {"strftime_now", function("strftime_now", strftime_now)}};
  return functions;
}

}  // namespace saker::jinja
