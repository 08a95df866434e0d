#include "ops/adamw/split_master.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "core/dtype.h"

namespace saker {
namespace {

// All f32 of a few exponents' ends, numbers and none, come back; the high half is the nearest bf16.
TEST(SplitMaster, EveryMasterComesBack) {
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 4099)  // a prime: all kinds of low halves
    ASSERT_EQ(joined_master(split_master(static_cast<uint32_t>(bits))), static_cast<uint32_t>(bits));
  for (const uint32_t high : {0x0000u, 0x3F80u, 0x7F7Fu, 0x7F80u, 0x7FFFu, 0x8000u, 0xFFFFu})
    for (uint32_t low = 0; low < 0x10000; ++low) {
      const uint32_t bits = high << 16 | low;
      ASSERT_EQ(joined_master(split_master(bits)), bits);
      const auto value = std::bit_cast<float>(bits);
      if (std::isfinite(value) && low != 0x8000) {
        ASSERT_EQ(split_master(bits).high, BFloat16(value).bits) << value;
      }
    }
}

}  // namespace
}  // namespace saker
