#include "ops/linear/linear.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "ops/linear/linear_cases.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {
namespace {

TEST(Linear, AgreesWithTheReference) {
  test_op_cases(without_benchmarks(linear_cases()));
}

// A row's result does not depend on its neighbours, up to kLinearRowsBitwise rows.
TEST(Linear, RowsAreBitwiseIndependent) {
  constexpr int64_t o = 53, i = 1077;
  for (int64_t target : testable_targets())
    for (DType type : {DType::f32, DType::bf16, DType::f16}) {
      use_target(target);
      Stream stream(open_backend(BackendKind::cpu, 1));
      CaseTensor x(type, {kLinearRowsBitwise, i}, 1), weight(type, {o, i}, 2);
      CaseTensor alone(DType::f32, {kLinearRowsBitwise, o}, 3), together(DType::f32, {kLinearRowsBitwise, o}, 4);
      for (int64_t t = 0; t < kLinearRowsBitwise; ++t)
        linear(stream, alone.view().slice_rows(t, 1), x.view().slice_rows(t, 1), weight.view());
      for (int64_t l : {2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 17, 32}) {
        linear(stream, together.view().slice_rows(0, l), x.view().slice_rows(0, l), weight.view());
        EXPECT_EQ(std::memcmp(alone.view().data, together.view().data, static_cast<size_t>(l * o) * sizeof(float)), 0)
            << l << " rows of " << name(type) << " on target " << target;
      }
    }
  use_target(0);
}

// Few outputs and long sums tempt a library to divide the sums among the threads.
TEST(Linear, ManyRowsAreBitwiseIndependentOfThreads) {
  constexpr int64_t l = 64, o = 128, i = 1536;
  for (DType type : {DType::f32, DType::bf16, DType::f16})
    for (int64_t gap : {0, 64}) {
      CaseTensor x(type, {l, i}, 1, 0.0, 1.0, i + gap), weight(type, {o, i}, 2);
      CaseTensor expected(DType::f32, {l, o}, 3, 0.0, 1.0, o + gap), y(DType::f32, {l, o}, 3, 0.0, 1.0, o + gap);
      Stream one(open_backend(BackendKind::cpu, 1)), many(open_backend(BackendKind::cpu, 8));
      linear(one, expected.view(), x.view(), weight.view());
      linear(many, y.view(), x.view(), weight.view());
      const size_t bytes = static_cast<size_t>((l - 1) * (o + gap) + o) * sizeof(float);
      EXPECT_EQ(std::memcmp(expected.view().data, y.view().data, bytes), 0) << name(type) << " gap " << gap;
    }
}

TEST(Linear, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor x(DType::bf16, {3, 8}, 1), weight(DType::bf16, {5, 8}, 2), y(DType::f32, {3, 5}, 3);
  CaseTensor narrow(DType::bf16, {5, 7}, 4), wide(DType::f32, {5, 8}, 5), bias(DType::f32, {4}, 6);
  EXPECT_THROW(linear(stream, y.view(), x.view(), narrow.view()), Error);
  EXPECT_THROW(linear(stream, y.view(), x.view(), wide.view()), Error);
  EXPECT_THROW(linear(stream, y.view(), x.view(), weight.view(), bias.view()), Error);
  EXPECT_THROW(linear(stream, x.view(), x.view(), weight.view()), Error);
  CaseTensor other(DType::f32, {3, 4}, 7), half(DType::bf16, {3, 5}, 8);
  EXPECT_THROW(linear_onto(stream, y.view(), other.view(), x.view(), weight.view()), Error);
  EXPECT_THROW(linear_onto(stream, y.view(), half.view(), x.view(), weight.view()), Error);
  EXPECT_THROW(linear_onto(stream, half.view(), half.view(), x.view(), weight.view()), Error) << "y is a sum";
}

// A sum that is rounded goes on to nobody who adds to it.
TEST(Linear, RoundsNeitherABiasNorASum) {
  Stream stream(open_backend(BackendKind::reference, 1));
  CaseTensor x(DType::bf16, {3, 8}, 1), weight(DType::bf16, {5, 8}, 2), bias(DType::f32, {5}, 3);
  CaseTensor y(DType::bf16, {3, 5}, 4), other(DType::f16, {3, 5}, 5);
  EXPECT_NO_THROW(linear(stream, y.view(), x.view(), weight.view()));
  EXPECT_THROW(linear(stream, y.view(), x.view(), weight.view(), bias.view()), Error);
  EXPECT_THROW(linear(stream, y.view(), x.view(), weight.view(), {}, true), Error);
  EXPECT_THROW(linear(stream, other.view(), x.view(), weight.view()), Error);
}

}  // namespace
}  // namespace saker
