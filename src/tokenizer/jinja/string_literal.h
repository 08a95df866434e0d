// What stands between the quotes of a string: Python's escapes.
#pragma once

#include <string>
#include <string_view>

namespace saker::jinja {

// Throws corrupt_data, naming `line`, for an escape that is cut or names no character.
std::string string_literal(std::string_view text, int line);

}  // namespace saker::jinja
