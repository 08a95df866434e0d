#include "tokenizer/jinja/arguments.h"

#include <algorithm>

#include "tokenizer/jinja/operators.h"

namespace saker::jinja {

Parameters::Parameters(Run& run, std::string_view callee, Arguments& given,
                       std::initializer_list<std::string_view> names, size_t required)
    : run_(run), callee_(callee), names_(names), values_(names.size()), given_(names.size(), false) {
  if (given.positional.size() > names.size())
    run.fail("{}: expected at most {} arguments, found {}", callee, names.size(), given.positional.size());
  std::move(given.positional.begin(), given.positional.end(), values_.begin());
  std::fill_n(given_.begin(), given.positional.size(), true);
  for (auto& [name, value] : given.named) {
    const auto i = static_cast<size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
    if (i == names_.size()) run.fail("{}: there is no argument {}", callee, saker::quoted(name));
    if (given_[i]) run.fail("{}: the argument {} is given twice", callee, name);
    given_[i] = true;
    values_[i] = std::move(value);
  }
  for (size_t i = 0; i < required; ++i)
    if (!given_[i]) run.fail("{}: the argument {} is missing", callee, names_[i]);
}

void Parameters::wrong(size_t i, std::string_view expected) const {
  run_.refuse_undefined(values_[i]);
  run_.fail("{}: {}: expected {}, found {}", callee_, names_[i], expected, values_[i].type());
}

const std::string& Parameters::text(size_t i) const {
  if (const std::string* held = values_[i].text()) return *held;
  wrong(i, "a string");
}

std::string Parameters::text(size_t i, std::string_view standard) const {
  return has(i) ? text(i) : std::string(standard);
}

int64_t Parameters::integer(size_t i, int64_t standard) const {
  int64_t held = standard;
  if (has(i) && !values_[i].to_integer(held)) wrong(i, "an integer");
  return held;
}

bool Parameters::truth(size_t i, bool standard) const {
  return has(i) ? is_true(values_[i]) : standard;
}

}  // namespace saker::jinja
