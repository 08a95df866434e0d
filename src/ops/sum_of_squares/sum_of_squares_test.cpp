#include "ops/sum_of_squares/sum_of_squares.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"
#include "ops/sum_of_squares/sum_of_squares_cases.h"

namespace saker {
namespace {

TEST(SumOfSquares, AgreesWithTheReference) {
  test_op_cases(sum_of_squares_cases());
}

TEST(SumOfSquares, AddsToWhatIsThere) {
  for (BackendKind kind : {BackendKind::reference, BackendKind::cpu}) {
    Stream stream(open_backend(kind, 1));
    double sum = 2.0;
    float x[] = {3, -4};
    sum_of_squares(stream, {&sum, DType::f64, {1}}, {x, DType::f32, {2}});
    EXPECT_EQ(sum, 27.0);
    x[1] = NAN;
    sum_of_squares(stream, {&sum, DType::f64, {1}}, {x, DType::f32, {2}});
    EXPECT_TRUE(std::isnan(sum));
  }
}

// A gradient that is no number is seen wherever it stands.
TEST(SumOfSquares, ShowsNanAndInfinity) {
  Stream stream(open_backend(BackendKind::cpu, 2));
  for (int64_t at : {0, 5, 40, 20000, 49999}) {
    Tensor x(DType::f32, {50000});
    double sum = 0.0;
    x.view().as<float>()[at] = INFINITY;
    sum_of_squares(stream, {&sum, DType::f64, {1}}, x.view());
    EXPECT_TRUE(std::isinf(sum)) << at;
    x.view().as<float>()[at] = NAN;
    sum_of_squares(stream, {&sum, DType::f64, {1}}, x.view());
    EXPECT_TRUE(std::isnan(sum)) << at;
  }
}

TEST(SumOfSquares, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor sum(DType::f32, {1}, 1), x(DType::f32, {4}, 2);
  EXPECT_THROW(sum_of_squares(stream, sum.view(), x.view()), Error);
}

}  // namespace
}  // namespace saker
