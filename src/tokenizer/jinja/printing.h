// Values as text: str() and repr() of Python, and JSON.
#pragma once

#include <string>

#include "tokenizer/jinja/run.h"

namespace saker::jinja {

std::string to_text(Run& run, const Value& value);
std::string repr(Run& run, const Value& value);
// A fraction as Python prints it.
std::string number_text(double value);

struct JsonStyle {
  bool ascii = false;   // escape what is beyond
  int64_t indent = -1;  // -1: all on one line
  std::string indent_text;
  std::string item_separator = ", ", key_separator = ": ";
  bool sort_keys = false;
};
// json.dumps
std::string to_json(Run& run, const Value& value, const JsonStyle& style);

}  // namespace saker::jinja
