// What can be wrong with a line of JSON Lines, and how often it was.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace saker {

enum class LineFault { not_utf8, broken_json, no_text, another_value, too_long };
inline constexpr std::array kLineFaults{LineFault::not_utf8, LineFault::broken_json, LineFault::no_text,
                                        LineFault::another_value, LineFault::too_long};

// "broken_json", a key of the manifest.
std::string_view name(LineFault fault) noexcept;
// "broken JSON", found where an object with the text was expected.
std::string_view description(LineFault fault) noexcept;

struct BadLine {
  std::string file;
  int64_t line;  // from 1
  LineFault fault;
};

class LineFaultCounts {
 public:
  int64_t& operator[](LineFault fault) noexcept { return counts_[static_cast<size_t>(fault)]; }
  int64_t operator[](LineFault fault) const noexcept { return counts_[static_cast<size_t>(fault)]; }
  int64_t total() const noexcept;

 private:
  std::array<int64_t, kLineFaults.size()> counts_{};
};

}  // namespace saker
