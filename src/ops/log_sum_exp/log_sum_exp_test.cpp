#include "ops/log_sum_exp/log_sum_exp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "ops/log_sum_exp/log_sum_exp_cases.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {
namespace {

TEST(LogSumExp, AgreesWithTheReference) {
  test_op_cases(log_sum_exp_cases());
}

float of(std::vector<float> x) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  float y;
  log_sum_exp(stream, {&y, DType::f32, {1, 1}}, {x.data(), DType::f32, {1, static_cast<int64_t>(x.size())}});
  return y;
}

TEST(LogSumExp, KnownValues) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FLOAT_EQ(of({1.0f, 1.0f}), 1.0f + std::log(2.0f));
  EXPECT_FLOAT_EQ(of({1000.0f, -infinity, 999.0f}), 1000.0f + std::log1p(std::exp(-1.0f)));
  EXPECT_EQ(of({-infinity, -infinity}), -infinity);
  EXPECT_EQ(of({0.0f, infinity}), infinity);
  for (size_t place = 0; place < 40; ++place) {
    std::vector<float> x(40, 1.0f);
    x[place] = nan;
    EXPECT_TRUE(std::isnan(of(x))) << place;
    x[(place + 1) % 40] = infinity;
    EXPECT_TRUE(std::isnan(of(x))) << place;
  }
}

TEST(LogSumExp, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor x(DType::f32, {3, 8}, 1), y(DType::f32, {3, 1}, 2), short_y(DType::f32, {2, 1}, 3),
      half(DType::f16, {3, 8}, 4);
  EXPECT_THROW(log_sum_exp(stream, short_y.view(), x.view()), Error);
  EXPECT_THROW(log_sum_exp(stream, y.view(), half.view()), Error);
}

}  // namespace
}  // namespace saker
