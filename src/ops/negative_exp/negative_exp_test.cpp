#include "ops/negative_exp/negative_exp.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "ops/negative_exp/negative_exp_cases.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {
namespace {

TEST(NegativeExp, AgreesWithTheReference) {
  test_op_cases(negative_exp_cases());
}

TEST(NegativeExp, KnownValues) {
  for (const BackendKind kind : {BackendKind::reference, BackendKind::cpu}) {
    Stream stream(open_backend(kind, 1));
    float x[] = {0.0f, 1.0f, -200.0f, 100.0f, NAN}, y[5];
    negative_exp(stream, {y, DType::f32, {5}}, {x, DType::f32, {5}});
    EXPECT_EQ(y[0], -1.0f);
    EXPECT_EQ(y[1], -2.7182818f);
    EXPECT_EQ(y[2], 0.0f);
    EXPECT_EQ(y[3], -INFINITY);
    EXPECT_TRUE(std::isnan(y[4]));
  }
}

TEST(NegativeExp, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor x(DType::f32, {4}, 1), three(DType::f32, {3}, 2), rounded(DType::bf16, {4}, 3);
  EXPECT_THROW(negative_exp(stream, three.view(), x.view()), Error);
  EXPECT_THROW(negative_exp(stream, rounded.view(), x.view()), Error);
}

}  // namespace
}  // namespace saker
