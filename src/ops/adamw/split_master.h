// Masters in two halves: the bf16 copy that products read anyway, and what it lacks. 4 bytes a parameter in place of 6.
//
//   bits(master) = high << 16 + low,    high = (bits + 2^15) >> 16,   low from -2^15 to 2^15 - 1
//
// high is the master rounded to the nearest bf16, where two are as near the one of the larger magnitude (bf16
// elsewhere: the even one; 1 in 65,536 is such a master). Every f32 is given back bit for bit.
#pragma once

#include <cstdint>

namespace saker {

struct SplitMaster {
  uint16_t high, low;
};
constexpr SplitMaster split_master(uint32_t bits) noexcept {
  return {static_cast<uint16_t>((bits + 0x8000u) >> 16), static_cast<uint16_t>(bits)};
}
constexpr uint32_t joined_master(SplitMaster split) noexcept {
  return (uint32_t{split.high} << 16) + split.low - (split.low >= 0x8000u ? 0x10000u : 0u);
}

}  // namespace saker
