// What option values must be. The checks of CLI11 take numbers that overflow, wrap around or are not there.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>

namespace saker::apps {

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

// From `least` to `most`, digits only.
CLI::Validator whole_number(int64_t least, int64_t most = kNoLimit);
// Any number of 64 bits.
CLI::Validator seed_number();
// Any number; what it means checks its range.
CLI::Validator number();
// Any text but none.
CLI::Validator not_empty();

}  // namespace saker::apps
