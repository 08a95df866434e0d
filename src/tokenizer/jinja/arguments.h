// The arguments of one call, by the names of the parameters.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/jinja/run.h"

namespace saker::jinja {

class Parameters {
 public:
  // The first `required` must be given. Throws as Python does for unknown, repeated, missing and superfluous ones.
  Parameters(Run& run, std::string_view callee, Arguments& given, std::initializer_list<std::string_view> names,
             size_t required = 0);

  bool has(size_t i) const { return given_[i]; }
  // The value; undefined if it was not given.
  const Value& operator[](size_t i) const { return values_[i]; }

  // Throw for a value of another type.
  const std::string& text(size_t i) const;
  std::string text(size_t i, std::string_view standard) const;
  int64_t integer(size_t i, int64_t standard) const;
  bool truth(size_t i, bool standard) const;

 private:
  [[noreturn]] void wrong(size_t i, std::string_view expected) const;

  Run& run_;
  std::string_view callee_;
  std::vector<std::string_view> names_;
  std::vector<Value> values_;
  std::vector<bool> given_;
};

}  // namespace saker::jinja
