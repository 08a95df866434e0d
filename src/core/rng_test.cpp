#include "core/rng.h"

#include <gtest/gtest.h>

namespace saker {
namespace {

// Known answers published with the Random123 library (philox4x32-10).
TEST(Rng, PhiloxKnownAnswers) {
  EXPECT_EQ(Rng(0, 0).block(0), (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint64_t ones = ~0ull;
  EXPECT_EQ(Rng(ones, ones).block(ones), (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

TEST(Rng, MomentsOfTheDraws) {
  const Rng rng(7, 3);
  double mean = 0, square = 0, uniform = 0;
  const int n = 100000;
  for (int i = 0; i < n; ++i) {
    const double x = rng.normal(i);
    mean += x / n;
    square += x * x / n;
    uniform += rng.uniform(i) / n;
  }
  EXPECT_NEAR(mean, 0.0, 0.02);
  EXPECT_NEAR(square, 1.0, 0.02);
  EXPECT_NEAR(uniform, 0.5, 0.005);
}

TEST(Rng, StreamsAndSeedsDiffer) {
  EXPECT_NE(Rng(1, 0).block(0), Rng(1, 1).block(0));
  EXPECT_NE(Rng(1, 0).block(0), Rng(2, 0).block(0));
}

}  // namespace
}  // namespace saker
