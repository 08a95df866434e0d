// When a text ends.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace saker {

enum class FinishReason {
  stop_id,      // the model said that the text ends
  stop_string,  // a text that the caller waits for appeared
  length,       // as many tokens as were asked for
  cancelled,    // the caller gave up
};

constexpr std::string_view name(FinishReason reason) noexcept {
  switch (reason) {
    case FinishReason::stop_id: return "stop_id";
    case FinishReason::stop_string: return "stop_string";
    case FinishReason::length: return "length";
    case FinishReason::cancelled: return "cancelled";
  }
  return "";
}

struct GenerationLimits {
  int64_t max_tokens = -1;        // -1: none
  std::vector<int32_t> stop_ids;  // any of them ends a text and is its last token

  // Whether a text ends with `id`, its token number `generated` (from 1).
  std::optional<FinishReason> reached(int32_t id, int64_t generated) const {
    if (std::find(stop_ids.begin(), stop_ids.end(), id) != stop_ids.end()) return FinishReason::stop_id;
    if (generated == max_tokens) return FinishReason::length;
    return std::nullopt;
  }
};

}  // namespace saker
