#include "core/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace saker {
namespace {

// The representable neighbour of `value` by trial: every 16-bit pattern is decoded and the nearest taken.
template <class Half>
uint16_t nearest(float value) {
  uint16_t best = 0;
  double best_distance = std::numeric_limits<double>::infinity();
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    Half half;
    half.bits = static_cast<uint16_t>(bits);
    const double decoded = static_cast<float>(half);
    if (!std::isfinite(decoded) || std::signbit(decoded) != std::signbit(value)) continue;
    const double distance = std::abs(decoded - static_cast<double>(value));
    if (distance < best_distance || (distance == best_distance && bits % 2 == 0)) {
      best_distance = distance;
      best = half.bits;
    }
  }
  return best;
}

TEST(DType, NamesRoundTrip) {
  for (DType dtype : {DType::f64, DType::f32, DType::bf16, DType::f16, DType::i64, DType::i32, DType::u8, DType::q8,
                      DType::q4, DType::fp8})
    EXPECT_EQ(dtype_from_name(name(dtype)), dtype);
  EXPECT_FALSE(dtype_from_name("float32"));
}

TEST(DType, HalvesRoundToNearestEven) {
  for (float value : {0.0f,
                      -0.0f,
                      1.0f,
                      1.0f + 0x1p-11f,
                      1.0f + 0x1p-11f + 0x1p-20f,
                      1.0f + 3 * 0x1p-11f,
                      1.0f + 0x1p-8f,
                      1.0f + 3 * 0x1p-8f,
                      3.14159f,
                      -2.71828f,
                      6.0e-5f,
                      6.1e-5f,
                      5.96e-8f,
                      2.0e-8f,
                      2.98023223876953125e-8f,
                      8.94e-8f,
                      1000.7f,
                      65504.0f,
                      -65503.9f,
                      1e-3f}) {
    EXPECT_EQ(Float16(value).bits, nearest<Float16>(value)) << value;
    EXPECT_EQ(BFloat16(value).bits, nearest<BFloat16>(value)) << value;
  }
}

TEST(DType, EveryHalfSurvivesTheWayThroughFloat) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    Float16 half;
    half.bits = static_cast<uint16_t>(bits);
    const float value = static_cast<float>(half);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(static_cast<float>(Float16(value))));
    else
      EXPECT_EQ(Float16(value).bits, bits);
    BFloat16 brain;
    brain.bits = static_cast<uint16_t>(bits);
    const float wide = static_cast<float>(brain);
    if (std::isnan(wide))
      EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(wide))));
    else
      EXPECT_EQ(BFloat16(wide).bits, bits);
  }
}

// By the definition: (-1)^s 2^(e - 7) (1 + m / 8), or 2^-6 m / 8 where e is 0.
double float8_value(uint32_t bits) {
  const int exponent = static_cast<int>(bits >> 3 & 15u), fraction = static_cast<int>(bits & 7u);
  const double magnitude = exponent == 0 ? std::ldexp(fraction, -9) : std::ldexp(8.0 + fraction, exponent - 10);
  return bits & 128u ? -magnitude : magnitude;
}

TEST(DType, EveryFloat8SurvivesTheWayThroughFloat) {
  for (uint32_t bits = 0; bits < 256; ++bits) {
    Float8 eight;
    eight.bits = static_cast<uint8_t>(bits);
    const float value = static_cast<float>(eight);
    if ((bits & 127u) == 127u) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(std::isnan(static_cast<float>(Float8(value))));
      continue;
    }
    EXPECT_EQ(value, float8_value(bits)) << bits;
    EXPECT_EQ(std::signbit(value), bits >= 128);
    EXPECT_EQ(Float8(value).bits, bits);
  }
}

// Between neighbours: the nearer one, and of two as near the even one. Beyond the largest: the largest.
TEST(DType, Float8RoundsToNearestEven) {
  for (const uint32_t sign : {0u, 128u}) {
    for (uint32_t bits = 0; bits < 126; ++bits) {
      const auto low = static_cast<float>(float8_value(bits | sign)),
                 high = static_cast<float>(float8_value((bits + 1) | sign)), middle = 0.5f * (low + high);
      EXPECT_EQ(Float8(std::nextafter(middle, low)).bits, bits | sign);
      EXPECT_EQ(Float8(std::nextafter(middle, high)).bits, (bits + 1) | sign);
      EXPECT_EQ(Float8(middle).bits, (bits + bits % 2) | sign);
      EXPECT_EQ(Float8(low + 0.25f * (high - low)).bits, bits | sign);
    }
    const float direction = sign ? -1.0f : 1.0f;
    for (const float beyond : {448.0f, 448.1f, 463.9f, 500.0f, 1e30f, std::numeric_limits<float>::infinity()})
      EXPECT_EQ(Float8(direction * beyond).bits, 126 | sign) << beyond;
    for (const float tiny : {0.0f, 1e-40f, 0x1p-11f, 0x1p-10f}) EXPECT_EQ(Float8(direction * tiny).bits, sign) << tiny;
  }
}

TEST(DType, OverflowBecomesInfinity) {
  EXPECT_TRUE(std::isinf(static_cast<float>(Float16(65520.0f))));
  EXPECT_EQ(static_cast<float>(Float16(65519.9f)), 65504.0f);
  EXPECT_TRUE(std::isinf(static_cast<float>(BFloat16(std::numeric_limits<float>::max()))));
}

TEST(DType, ConvertsArrays) {
  const float from[] = {1.5f, -2.25f, 1e-3f};
  Float16 halves[3];
  double wide[3];
  convert_elements(halves, DType::f16, from, DType::f32, 3);
  convert_elements(wide, DType::f64, halves, DType::f16, 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(halves[i].bits, Float16(from[i]).bits);
    EXPECT_EQ(wide[i], load_element(halves, DType::f16, i));
  }
}

}  // namespace
}  // namespace saker
