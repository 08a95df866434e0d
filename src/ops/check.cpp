#include "ops/check.h"

namespace saker {

void OpCheck::segments(Segments segments, int64_t rows, int64_t slots) const {
  int64_t end = 0, highest_slot = kNoSlot;
  for (size_t i = 0; i < segments.size(); ++i) {
    const auto& [begin, length, slot] = segments[i];
    SAKER_CHECK(begin >= end && length >= 0 && length <= rows - begin, ErrorCode::invalid_argument,
                "[{}] segment {}: rows {} + {} do not follow row {} of {}", op_, i, begin, length, end, rows);
    SAKER_CHECK(slot == kNoSlot || (slot >= 0 && slot < slots), ErrorCode::invalid_argument,
                "[{}] segment {}: slot {} of {}", op_, i, slot, slots);
    end = begin + length;
    if (slot == kNoSlot) continue;
    // Slots mostly ascend; where they do not, a quadratic look allocates nothing.
    if (slot > highest_slot) {
      highest_slot = slot;
      continue;
    }
    for (size_t j = 0; j < i; ++j)
      SAKER_CHECK(segments[j].slot != slot, ErrorCode::invalid_argument, "[{}] segments {} and {} share slot {}", op_,
                  j, i, slot);
  }
}

}  // namespace saker
