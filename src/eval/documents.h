// Files of text to evaluate on.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

namespace saker {

// Calls visit(text) for each document, in order, one in memory at a time. *.jsonl and *.json: JSON Lines, the member
// "text" of each object, empty lines left out; any other file: one document. `visit` returning false ends it.
// Throws not_found, invalid_argument for what is no file, io, and corrupt_data naming the line: no JSON object, no
// text in it, not UTF-8.
void for_each_document(const std::filesystem::path& file, const std::function<bool(std::string_view)>& visit);

}  // namespace saker
