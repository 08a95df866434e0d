// What is inside a value: attributes, items, slices; and what can be called.
#pragma once

#include "tokenizer/jinja/run.h"

namespace saker::jinja {

// value.name and value[key]: undefined where there is none. Throw if `value` is undefined itself.
Value attribute(Run& run, const Value& value, const std::string& name);
Value item(Run& run, const Value& value, const Value& key);
// value[start:stop:step]; None: not given.
Value slice(Run& run, const Value& value, const Value& start, const Value& stop, const Value& step);

// The method of a string or a dict, bound to it; undefined if it has none of that name.
Value method(Run& run, const Value& value, const std::string& name);

Value call(Run& run, const Value& callee, Arguments& arguments);

}  // namespace saker::jinja
