// Small files, read whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace saker {

// The content of a regular file. Throws not_found, invalid_argument (a folder, a device), io, and corrupt_data if it
// is larger than `limit` bytes: a folder of settings may hold anything.
std::string read_file(const std::filesystem::path& path, uint64_t limit = uint64_t{1} << 30);

}  // namespace saker
