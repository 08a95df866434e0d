#include "data/permutation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace saker {
namespace {

TEST(Permutation, TakesEveryPlaceOnce) {
  for (const int64_t size : {1, 2, 3, 4, 5, 15, 16, 17, 255, 256, 257, 1000, 4097}) {
    const Permutation order(size, 7, 3);
    std::vector<int> seen(static_cast<size_t>(size));
    for (int64_t i = 0; i < size; ++i) {
      ASSERT_GE(order(i), 0);
      ASSERT_LT(order(i), size);
      ++seen[static_cast<size_t>(order(i))];
    }
    EXPECT_EQ(seen, std::vector<int>(static_cast<size_t>(size), 1)) << size;
  }
}

TEST(Permutation, LargeRanges) {
  const int64_t size = (int64_t{1} << 40) + 12345;
  const Permutation order(size, 7, 3);
  for (int64_t i = size - 100; i < size; ++i) {
    EXPECT_GE(order(i), 0);
    EXPECT_LT(order(i), size);
  }
}

TEST(Permutation, DependsOnSeedAndStream) {
  constexpr int64_t kSize = 1000;
  const Permutation order(kSize, 7, 3), other_seed(kSize, 8, 3), other_stream(kSize, 7, 4);
  int same_seed = 0, same_stream = 0;
  for (int64_t i = 0; i < kSize; ++i) {
    EXPECT_EQ(order(i), Permutation(kSize, 7, 3)(i));
    same_seed += order(i) == other_seed(i);
    same_stream += order(i) == other_stream(i);
  }
  EXPECT_LT(same_seed, 10);  // one on average
  EXPECT_LT(same_stream, 10);
}

// Pairs of neighbours are far apart and unrelated: correlations of 1000 pairs have a standard deviation of 0.032.
TEST(Permutation, LooksRandom) {
  constexpr int64_t kSize = 1000;
  const Permutation order(kSize, 1, 2);
  const auto centred = [&](int64_t i) { return static_cast<double>(order(i)) / kSize - 0.4995; };
  double neighbours = 0.0, place = 0.0;
  for (int64_t i = 0; i < kSize; ++i) {
    neighbours += centred(i) * centred((i + 1) % kSize);
    place += centred(i) * (static_cast<double>(i) / kSize - 0.4995);
  }
  EXPECT_LT(std::abs(neighbours * 12.0 / kSize), 0.13);  // four standard deviations
  EXPECT_LT(std::abs(place * 12.0 / kSize), 0.13);
}

}  // namespace
}  // namespace saker
