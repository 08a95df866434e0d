// "Did you mean ...?" for mistyped names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace saker {

// The word of `known` that `typed` most likely stands for, at most a third of its letters being wrong; empty if none.
std::string nearest_word(const std::vector<std::string>& known, std::string_view typed);

// ` (did you mean "word"?)`, or nothing.
std::string suggestion(const std::vector<std::string>& known, std::string_view typed);

}  // namespace saker
