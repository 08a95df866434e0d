// Filters ({{ value | name(arguments) }}) and tests ({{ value is name(arguments) }}).
#pragma once

#include <string_view>

#include "tokenizer/jinja/run.h"

namespace saker::jinja {

using Filter = Value (*)(Run&, const Value&, Arguments&);
using Test = bool (*)(Run&, const Value&, Arguments&);

// Null: there is none of that name.
Filter find_filter(std::string_view name);
Test find_test(std::string_view name);

}  // namespace saker::jinja
