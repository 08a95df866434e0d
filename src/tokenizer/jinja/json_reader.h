// JSON as values of templates: members stay in their order.
#pragma once

#include <string_view>

#include "tokenizer/jinja/value.h"

namespace saker::jinja {

// Throws corrupt_data, naming `from`, for what is not JSON in UTF-8, is nested deeper than 64 levels, gives a key
// twice, or has a number beyond 64 bits.
Value read_json(std::string_view text, std::string_view from);

}  // namespace saker::jinja
