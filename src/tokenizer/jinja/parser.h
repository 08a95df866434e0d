// The text of a template as a tree.
#pragma once

#include <string_view>

#include "tokenizer/jinja/ast.h"

namespace saker::jinja {

// Throws corrupt_data, or unsupported for tags, filters and tests that there are not, naming the line.
Block parse(std::string_view source);

}  // namespace saker::jinja
