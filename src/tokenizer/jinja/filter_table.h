// The filters by kind, which filters.cpp puts together.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "tokenizer/jinja/filters.h"

namespace saker::jinja {

using NamedFilter = std::pair<std::string_view, Filter>;

std::span<const NamedFilter> text_filters();
std::span<const NamedFilter> value_filters();
std::span<const NamedFilter> sequence_filters();
std::span<const NamedFilter> selecting_filters();

// The item of `value` that a path such as "function.name" or "0" names.
Value by_path(Run& run, const Value& value, const Value& path);

}  // namespace saker::jinja
