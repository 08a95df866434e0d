// The vector helpers against double, on every instruction set of this machine.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/simd_test.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

// What kernels do with a row: whole vectors, then the tail.
template <class From, class To, class F>
void for_each_vector(const From* from, To* to, size_t count, const F& f) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) store_f32(f(d, load_f32(d, from + i)), d, to + i);
  if (i < count) store_tail_f32(f(d, load_tail_f32(d, from + i, count - i)), d, to + i, count - i);
}

void exp_row(const float* from, float* to, size_t count) {
  for_each_vector(from, to, count, [](F32 d, VecF32 x) { return exp_f32(d, x); });
}

void silu_row(const float* from, float* to, size_t count) {
  for_each_vector(from, to, count, [](F32 d, VecF32 x) { return silu_f32(d, x); });
}

void widen_bf16(const BFloat16* from, float* to, size_t count) {
  for_each_vector(from, to, count, [](F32, VecF32 x) { return x; });
}

void widen_f16(const Float16* from, float* to, size_t count) {
  for_each_vector(from, to, count, [](F32, VecF32 x) { return x; });
}

void round_bf16(const float* from, BFloat16* to, size_t count) {
  for_each_vector(from, to, count, [](F32, VecF32 x) { return x; });
}

void round_f16(const float* from, Float16* to, size_t count) {
  for_each_vector(from, to, count, [](F32, VecF32 x) { return x; });
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

namespace saker {
HWY_EXPORT(exp_row);
HWY_EXPORT(silu_row);
HWY_EXPORT(widen_bf16);
HWY_EXPORT(widen_f16);
HWY_EXPORT(round_bf16);
HWY_EXPORT(round_f16);

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

class Simd : public testing::TestWithParam<int64_t> {
 protected:
  Simd() { hwy::SetSupportedTargetsForTest(GetParam()); }
  ~Simd() override { hwy::SetSupportedTargetsForTest(0); }
};

// Floats from all over [least, most]: every 1009th, and the borders. An odd number of them, so that there is a tail.
std::vector<float> floats_between(float least, float most) {
  std::vector<float> values{least, most, 0.0f, -0.0f};
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 1009) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (value >= least && value <= most) values.push_back(value);
  }
  if (values.size() % 2 == 0) values.push_back(0.5f * least);
  return values;
}

// The distance of `got` from `exact` in spacings of floats at `exact`, which is a normal number of theirs.
double units_off(float got, double exact) {
  const double spacing = std::ldexp(1.0, std::ilogb(exact) - 23);
  return std::abs(static_cast<double>(got) - exact) / spacing;
}

TEST_P(Simd, ExpIsExactToOneAndAHalfUnits) {
  const std::vector<float> x = floats_between(-87.3f, 88.37f);
  std::vector<float> y(x.size());
  HWY_DYNAMIC_DISPATCH(exp_row)(x.data(), y.data(), x.size());
  double worst = 0.0;
  float at = 0.0f;
  for (size_t i = 0; i < x.size(); ++i)
    if (const double off = units_off(y[i], std::exp(static_cast<double>(x[i]))); !(off <= worst)) {
      worst = off;
      at = x[i];
    }
  EXPECT_LE(worst, 1.5) << "at " << at;
}

TEST_P(Simd, ExpStaysAtItsBorders) {
  const std::vector<float> x{88.7f, 89.0f, 1e30f, kInfinity, -88.0f, -1e30f, -kInfinity, std::nanf(""), 0.0f};
  std::vector<float> y(x.size());
  HWY_DYNAMIC_DISPATCH(exp_row)(x.data(), y.data(), x.size());
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_GT(y[i], 2.3e38f) << x[i];
    EXPECT_LT(y[i], kInfinity) << x[i];
  }
  for (size_t i = 4; i < 7; ++i) {
    EXPECT_GT(y[i], 0.0f) << x[i];
    EXPECT_LT(y[i], 1.3e-38f) << x[i];
  }
  EXPECT_TRUE(std::isnan(y[7]));
  EXPECT_EQ(y[8], 1.0f);
}

TEST_P(Simd, NanStaysNan) {
  const std::vector<float> x(37, std::nanf(""));
  std::vector<float> y(x.size(), 0.0f);
  HWY_DYNAMIC_DISPATCH(silu_row)(x.data(), y.data(), x.size());
  for (const float value : y) ASSERT_TRUE(std::isnan(value));
}

TEST_P(Simd, SiluIsExactToFourUnits) {
  const std::vector<float> x = floats_between(-80.0f, 3e38f);
  std::vector<float> y(x.size());
  HWY_DYNAMIC_DISPATCH(silu_row)(x.data(), y.data(), x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double exact = x[i] / (1.0 + std::exp(-static_cast<double>(x[i])));
    if (std::abs(exact) < 1.2e-38)
      ASSERT_LE(std::abs(y[i]), 1.2e-38f) << x[i];
    else
      ASSERT_LE(units_off(y[i], exact), 4.0) << x[i];
  }
}

template <class Half>
std::vector<Half> all_halves() {
  std::vector<Half> values;
  for (uint32_t bits = 0; bits < 65536; ++bits) values.push_back(std::bit_cast<Half>(static_cast<uint16_t>(bits)));
  return values;
}

template <class Half, class Widen>
void expect_widened(const Widen& widen) {
  const std::vector<Half> halves = all_halves<Half>();
  std::vector<float> wide(halves.size());
  widen(halves.data(), wide.data(), halves.size());
  for (size_t i = 0; i < halves.size(); ++i) {
    const auto expected = static_cast<float>(halves[i]);
    if (std::isnan(expected))
      ASSERT_TRUE(std::isnan(wide[i])) << i;
    else
      ASSERT_EQ(std::bit_cast<uint32_t>(wide[i]), std::bit_cast<uint32_t>(expected)) << i;
  }
}

// The scalar conversion (core/dtype_test.cpp) is the reference: to nearest, ties to even, infinity above the largest.
template <class Half, class Round>
void expect_rounded(const Round& round) {
  std::vector<float> x = floats_between(-kInfinity, kInfinity);
  // Half way between neighbours, and beside it.
  for (uint32_t bits = 0; bits < 65535; ++bits) {
    const auto low = static_cast<double>(static_cast<float>(std::bit_cast<Half>(static_cast<uint16_t>(bits))));
    const auto high = static_cast<double>(static_cast<float>(std::bit_cast<Half>(static_cast<uint16_t>(bits + 1))));
    if (!std::isfinite(low) || !std::isfinite(high)) continue;
    const auto tie = static_cast<float>(0.5 * (low + high));
    x.insert(x.end(), {tie, std::nextafter(tie, kInfinity), std::nextafter(tie, -kInfinity)});
  }
  x.push_back(std::nanf(""));
  std::vector<Half> y(x.size());
  round(x.data(), y.data(), x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i]))
      ASSERT_TRUE(std::isnan(static_cast<float>(y[i])));
    else
      ASSERT_EQ(std::bit_cast<uint16_t>(y[i]), std::bit_cast<uint16_t>(Half(x[i]))) << x[i];
  }
}

TEST_P(Simd, WidensEveryHalf) {
  expect_widened<BFloat16>([](auto... args) { HWY_DYNAMIC_DISPATCH(widen_bf16)(args...); });
  expect_widened<Float16>([](auto... args) { HWY_DYNAMIC_DISPATCH(widen_f16)(args...); });
}

TEST_P(Simd, RoundsAsTheScalarConversion) {
  expect_rounded<BFloat16>([](auto... args) { HWY_DYNAMIC_DISPATCH(round_bf16)(args...); });
  expect_rounded<Float16>([](auto... args) { HWY_DYNAMIC_DISPATCH(round_f16)(args...); });
}

INSTANTIATE_TEST_SUITE_P(Targets, Simd, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& target) { return std::string(hwy::TargetName(target.param)); });

}  // namespace
}  // namespace saker
#endif
