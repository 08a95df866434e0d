#include "ops/adamw/adamw_8bit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "ops/adamw/adamw_8bit_cases.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {
namespace {

TEST(Adamw8bit, AgreesWithTheReference) {
  test_op_cases(without_benchmarks(adamw_8bit_cases()));
}

// Every code is the code of what it stands for, and those between two are rounded to either.
TEST(MomentCode, CodesStandForThemselvesAndAscend) {
  for (const MomentCode code : {kFirstMoment, kSecondMoment}) {
    EXPECT_EQ(decode_moment(code, 0), 0.0f);
    EXPECT_EQ(decode_moment(code, code.largest()), 1.9375f);
    for (uint32_t bits = 0; bits <= code.largest(); ++bits) {
      const float y = decode_moment(code, bits);
      for (const uint32_t random : {0u, kMomentRandomMask}) EXPECT_EQ(encode_moment(code, y, random), bits) << y;
      if (bits == code.largest()) break;
      const float next = decode_moment(code, bits + 1);
      EXPECT_LT(y, next);
      EXPECT_LE(next - y, std::max(y / 16.0f, code.smallest_normal() / 16.0f));
      const float between = 0.5f * (y + next);
      EXPECT_EQ(encode_moment(code, between, 0), bits);
      EXPECT_EQ(encode_moment(code, between, kMomentRandomMask), bits + 1);
    }
  }
}

TEST(MomentCode, TheLargestOfABlockCanBeRoundedUp) {
  for (const float largest : {1e-30f, 0.9999f, 1.0f, 1.93749f, 1.9375f, 1.93751f, 1.99999f, 3e20f}) {
    const uint32_t exponent = moment_exponent(std::bit_cast<uint32_t>(largest));
    const float y = largest * moment_inverse_scale(exponent);
    EXPECT_GE(y, 0.96875f);
    EXPECT_LE(y, 1.9375f);
    EXPECT_EQ(moment_scale(exponent) * moment_inverse_scale(exponent), 1.0f);
  }
}

// A tensor with moments that are made by steps from zero.
struct Trained {
  explicit Trained(size_t elements)
      : parameter(elements, 0.0f),
        gradient(elements),
        codes{std::vector<uint8_t>(elements), std::vector<uint8_t>(elements)},
        exponents{std::vector<uint8_t>(blocks()), std::vector<uint8_t>(blocks())} {}

  size_t blocks() const { return static_cast<size_t>(moment_blocks(static_cast<int64_t>(parameter.size()))); }
  MomentView moment(size_t which) {
    return {{codes[which].data(), DType::u8, shape()},
            {exponents[which].data(), DType::u8, {static_cast<int64_t>(blocks())}}};
  }
  Shape shape() const { return {static_cast<int64_t>(parameter.size())}; }
  void step(Stream& stream, int64_t number, double learning_rate = 0.01) {
    adamw_8bit(stream, {.adamw = {.parameter = {parameter.data(), DType::f32, shape()},
                                  .gradient = {gradient.data(), DType::f32, shape()},
                                  .lr = learning_rate,
                                  .step = number},
                        .moment1 = moment(0),
                        .moment2 = moment(1)});
  }

  std::vector<float> parameter, gradient;
  std::vector<uint8_t> codes[2], exponents[2];
};

// The bounds of moment_code.h after a first step, whose moments are known; gradients over 9 orders of magnitude.
TEST(Adamw8bit, RoundingKeepsItsBounds) {
  for (const BackendKind kind : {BackendKind::reference, BackendKind::cpu}) {
    Stream stream(open_backend(kind, 2));
    constexpr size_t kElements = 256;
    std::vector<double> sum1(kElements), sum2(kElements);
    constexpr int kRounds = 4000;
    const Rng rng(7);
    std::vector<float> gradient(kElements);
    for (size_t i = 0; i < kElements; ++i)
      gradient[i] = static_cast<float>(rng.normal(i) * std::pow(10.0, -9.0 * rng.uniform(1000 + i)));
    float largest = 0.0f;
    for (const float g : gradient) largest = std::max(largest, std::abs(g));
    const double largest1 = 0.1 * largest, largest2 = 0.05 * largest * largest;
    for (int round = 0; round < kRounds; ++round) {
      Trained trained(kElements);
      trained.gradient = gradient;
      trained.step(stream, 1 + round);  // the step's number chooses the random bits
      for (size_t i = 0; i < kElements; ++i) {
        const double m = 0.1 * gradient[i], v = 0.05 * double{gradient[i]} * gradient[i];
        const double m8 = decoded_moment(kFirstMoment, trained.moment(0), static_cast<int64_t>(i));
        const double v8 = decoded_moment(kSecondMoment, trained.moment(1), static_cast<int64_t>(i));
        ASSERT_LE(std::abs(m8 - m), std::max(std::abs(m) / 16, 0x1p-10 * largest1) * 1.0001) << m;
        ASSERT_LE(std::abs(v8 - v), std::max(v / 16, 0x1p-18 * largest2) * 1.0001) << v;
        ASSERT_GT(v8, 0.0);
        sum1[i] += m8;
        sum2[i] += v8;
      }
    }
    // The mean is that of what was rounded: within five deviations of it.
    for (size_t i = 0; i < kElements; ++i) {
      const double m = 0.1 * gradient[i], v = 0.05 * double{gradient[i]} * gradient[i];
      const double deviation1 = std::max(std::abs(m) / 32, 0x1p-11 * largest1) / std::sqrt(kRounds);
      const double deviation2 = std::max(v / 32, 0x1p-19 * largest2) / std::sqrt(kRounds);
      EXPECT_NEAR(sum1[i] / kRounds, m, 5.0 * deviation1);
      if (v > 0x1p-18 * largest2) {
        EXPECT_NEAR(sum2[i] / kRounds, v, 5.0 * deviation2);
      }
    }
  }
}

// With gradients that come and go the moments follow, though a step changes them by less than a code.
TEST(Adamw8bit, MomentsFollowSlowChanges) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  Trained trained(256);
  std::vector<double> v(256);
  const Rng rng(9);
  for (int64_t step = 1; step <= 400; ++step) {
    for (size_t i = 0; i < v.size(); ++i) {
      // Squares fall slowly to a quarter; each differs from the moment by less than is needed to round to nearest.
      const double g =
          (1.0 + 0.1 * rng.normal(static_cast<uint64_t>(step) * 256 + i)) * std::exp2(-static_cast<double>(step) / 400);
      trained.gradient[i] = static_cast<float>(g);
      v[i] = 0.95 * v[i] + 0.05 * g * g;
    }
    trained.step(stream, step);
  }
  double ratio = 0.0;
  for (size_t i = 0; i < v.size(); ++i)
    ratio += decoded_moment(kSecondMoment, trained.moment(1), static_cast<int64_t>(i)) / v[i] / 256;
  EXPECT_NEAR(ratio, 1.0, 5 * 0.06 / std::sqrt(256));
}

TEST(Adamw8bit, WithoutGradientsNothingMoves) {
  for (const BackendKind kind : {BackendKind::reference, BackendKind::cpu}) {
    Stream stream(open_backend(kind, 1));
    Trained trained(300);
    trained.parameter.assign(300, 2.0f);
    trained.step(stream, 1);
    EXPECT_EQ(trained.parameter, std::vector<float>(300, 2.0f));
    EXPECT_EQ(trained.codes[0], std::vector<uint8_t>(300));
    EXPECT_EQ(trained.codes[1], std::vector<uint8_t>(300));
  }
}

TEST(Adamw8bit, ANormThatIsNoNumberMakesAStepThatIsNone) {
  for (const BackendKind kind : {BackendKind::reference, BackendKind::cpu}) {
    Stream stream(open_backend(kind, 1));
    Trained trained(300);
    trained.gradient.assign(300, 1.0f);
    double norm = NAN;
    adamw_8bit(stream, {.adamw = {.parameter = {trained.parameter.data(), DType::f32, trained.shape()},
                                  .gradient = {trained.gradient.data(), DType::f32, trained.shape()},
                                  .squared_norm = {&norm, DType::f64, {1}},
                                  .max_norm = 1.0,
                                  .lr = 0.01},
                        .moment1 = trained.moment(0),
                        .moment2 = trained.moment(1)});
    EXPECT_TRUE(std::isnan(trained.parameter[0]) && std::isnan(trained.parameter[299]));
  }
}

TEST(Adamw8bit, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  Adamw8bitProblem zeroth({.step = 0}), negative({.gradient_scale = -1.0});
  EXPECT_THROW(zeroth.run(stream), Error);
  EXPECT_THROW(negative.run(stream), Error);
  Trained trained(300);
  trained.exponents[0].clear();
  Adamw8bitArgs args{.adamw = {.parameter = {trained.parameter.data(), DType::f32, {300}},
                               .gradient = {trained.gradient.data(), DType::f32, {300}}},
                     .moment1 = trained.moment(0),
                     .moment2 = trained.moment(1)};
  args.moment1.exponents.shape = {1};  // of two blocks
  EXPECT_THROW(adamw_8bit(stream, args), Error);
  args.moment1 = trained.moment(1);
  args.moment2.codes.dtype = DType::f32;
  EXPECT_THROW(adamw_8bit(stream, args), Error);
}

}  // namespace
}  // namespace saker
