#include "data/line_faults.h"

#include <numeric>

namespace saker {

std::string_view name(LineFault fault) noexcept {
  switch (fault) {
    case LineFault::not_utf8: return "not_utf8";
    case LineFault::broken_json: return "broken_json";
    case LineFault::no_text: return "no_text";
    case LineFault::another_value: return "another_value";
    case LineFault::too_long: return "too_long";
  }
  return "?";
}

std::string_view description(LineFault fault) noexcept {
  switch (fault) {
    case LineFault::not_utf8: return "bytes that are not UTF-8";
    case LineFault::broken_json: return "broken JSON";
    case LineFault::no_text: return "none";
    case LineFault::another_value: return "another value";
    case LineFault::too_long: return "a line of more than 4 GB";
  }
  return "?";
}

int64_t LineFaultCounts::total() const noexcept {
  return std::accumulate(counts_.begin(), counts_.end(), int64_t{0});
}

}  // namespace saker
