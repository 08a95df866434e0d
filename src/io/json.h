// JSON documents that others wrote, parsed with our own errors.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace saker {

// Throws corrupt_data "[component] from: expected ..., found ..." if `text` is not one JSON document in UTF-8, is
// nested deeper than 64 levels (everything that walks a document recurses), or gives a key twice in one object.
nlohmann::json parse_json(std::string_view text, std::string_view component, std::string_view from);

// "a string", "an array", ...: for messages.
std::string_view json_kind(const nlohmann::json& value) noexcept;

}  // namespace saker
