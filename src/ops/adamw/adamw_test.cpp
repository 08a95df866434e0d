#include "ops/adamw/adamw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "core/error.h"
#include "ops/adamw/adamw_cases.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {
namespace {

TEST(Adamw, AgreesWithTheReference) {
  test_op_cases(without_benchmarks(adamw_cases()));
}

// By hand: the first step moves by the rate whatever the gradient's size, after the decay.
TEST(Adamw, FirstStep) {
  for (BackendKind kind : {BackendKind::reference, BackendKind::cpu}) {
    Stream stream(open_backend(kind, 1));
    float p[] = {2.0f, 2.0f}, m[] = {0, 0}, v[] = {0, 0}, g[] = {1e-3f, -50.0f};
    const Shape two{2};
    adamw(stream, {.parameter = {p, DType::f32, two},
                   .moment1 = {m, DType::f32, two},
                   .moment2 = {v, DType::f32, two},
                   .gradient = {g, DType::f32, two},
                   .lr = 0.01,
                   .eps = 0.0,
                   .weight_decay = 0.1});
    EXPECT_NEAR(p[0], 2.0f * 0.999f - 0.01f, 1e-6f);
    EXPECT_NEAR(p[1], 2.0f * 0.999f + 0.01f, 1e-6f);
  }
}

// A gradient of 3, scaled by 2 and clipped by the norm of 6 that this makes.
TEST(Adamw, ClipsAboveTheLimit) {
  for (BackendKind kind : {BackendKind::reference, BackendKind::cpu})
    for (const auto& [max_norm, expected] : {std::pair(0.0, 6.0f), std::pair(1.0, 1.0f), std::pair(7.0, 6.0f)}) {
      Stream stream(open_backend(kind, 1));
      float p[] = {2.0f}, m[] = {0}, v[] = {0}, g[] = {3.0f};
      double norm = 9.0;
      const Shape one{1};
      adamw(stream, {.parameter = {p, DType::f32, one},
                     .moment1 = {m, DType::f32, one},
                     .moment2 = {v, DType::f32, one},
                     .rounded = {},
                     .gradient = {g, DType::f32, one},
                     .squared_norm = {&norm, DType::f64, one},
                     .max_norm = max_norm,
                     .gradient_scale = 2.0,
                     .lr = 0.01});
      EXPECT_FLOAT_EQ(m[0], 0.1f * expected) << max_norm;
      EXPECT_FLOAT_EQ(v[0], 0.05f * expected * expected) << max_norm;
    }
}

TEST(Adamw, ANormThatIsNoNumberMakesAStepThatIsNone) {
  for (BackendKind kind : {BackendKind::reference, BackendKind::cpu}) {
    Stream stream(open_backend(kind, 1));
    float p[] = {2.0f}, m[] = {0}, v[] = {0}, g[] = {1.0f};
    double norm = NAN;
    const Shape one{1};
    adamw(stream, {.parameter = {p, DType::f32, one},
                   .moment1 = {m, DType::f32, one},
                   .moment2 = {v, DType::f32, one},
                   .gradient = {g, DType::f32, one},
                   .squared_norm = {&norm, DType::f64, one},
                   .max_norm = 1.0,
                   .lr = 0.01});
    EXPECT_TRUE(std::isnan(p[0]));
  }
}

// A rate of zero moves nothing: what is joined for the step is split again, bit for bit.
TEST(Adamw, ASplitMasterIsThatMaster) {
  for (BackendKind kind : {BackendKind::reference, BackendKind::cpu}) {
    Stream stream(open_backend(kind, 2));
    constexpr int64_t kCount = 40'000;  // several pieces
    CaseTensor high(DType::bf16, {kCount}, 1), low(DType::u8, {2 * kCount}, 2), m(DType::f32, {kCount}, 3),
        v(DType::f32, {kCount}, 4, 1.0, 0.1), g(DType::f32, {kCount}, 5);
    for (int64_t i = 0; i < kCount; ++i) low.view().as<uint16_t>()[i] = static_cast<uint16_t>(i * 40'503);
    const std::vector<uint16_t> high_before(high.view().as<uint16_t>(), high.view().as<uint16_t>() + kCount),
        low_before(low.view().as<uint16_t>(), low.view().as<uint16_t>() + kCount);
    adamw(stream, {.parameter = {nullptr, DType::f32, Shape{kCount}},
                   .moment1 = m.view(),
                   .moment2 = v.view(),
                   .rounded = high.view(),
                   .low = low.view(),
                   .gradient = g.view(),
                   .lr = 0.0});
    EXPECT_TRUE(std::equal(high_before.begin(), high_before.end(), high.view().as<uint16_t>()));
    EXPECT_TRUE(std::equal(low_before.begin(), low_before.end(), low.view().as<uint16_t>()));
  }
}

TEST(Adamw, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  AdamwProblem zeroth({.step = 0}), negative({.max_norm = -1.0});
  EXPECT_THROW(zeroth.run(stream), Error);
  EXPECT_THROW(negative.run(stream), Error);
}

TEST(Adamw, AListHasOneSettingButForTheDecay) {
  for (BackendKind kind : {BackendKind::reference, BackendKind::cpu}) {
    Stream stream(open_backend(kind, 1));
    float p[] = {2.0f, 2.0f}, m[] = {0, 0}, v[] = {0, 0}, g[] = {1.0f, 1.0f};
    std::vector<AdamwArgs> list;
    for (int i = 0; i < 2; ++i)
      list.push_back({.parameter = {p + i, DType::f32, {1}},
                      .moment1 = {m + i, DType::f32, {1}},
                      .moment2 = {v + i, DType::f32, {1}},
                      .gradient = {g + i, DType::f32, {1}},
                      .lr = 0.01,
                      .weight_decay = 0.1 * i});
    list[1].lr = 0.02;
    EXPECT_THROW(adamw(stream, list), Error);
    EXPECT_EQ(p[0], 2.0f) << "nothing has been touched";
    list[1].lr = 0.01;
    adamw(stream, list);
    EXPECT_NEAR(p[0] - p[1], 0.002f, 1e-6f) << "the second alone decays";
    adamw(stream, std::span<const AdamwArgs>());
  }
}

}  // namespace
}  // namespace saker
