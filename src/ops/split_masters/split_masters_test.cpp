#include "ops/split_masters/split_masters.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"
#include "ops/split_masters/split_masters_cases.h"

namespace saker {
namespace {

TEST(SplitMasters, AgreesWithTheReference) {
  test_op_cases(split_masters_cases());
}

// All f32 of a few exponents' ends, numbers and none, come back; the high half is the nearest bf16.
TEST(SplitMasters, EveryMasterComesBack) {
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

TEST(SplitMasters, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor master(DType::f32, {4}, 1), high(DType::bf16, {4}, 2), low(DType::u8, {4}, 3), all(DType::u8, {8}, 4);
  EXPECT_THROW(split_masters(stream, {.high = high.view(), .low = low.view(), .master = master.view()}), Error);
  EXPECT_THROW(join_masters(stream, {.master = high.view(), .high = high.view(), .low = all.view()}), Error);
}

}  // namespace
}  // namespace saker
