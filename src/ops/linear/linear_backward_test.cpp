#include "ops/linear/linear_backward.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "ops/gradient_testing.h"
#include "ops/linear/linear.h"
#include "ops/linear/linear_backward_cases.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {
namespace {

TEST(LinearBackward, AgreesWithTheReference) {
  test_op_cases(without_benchmarks(linear_backward_cases()));
}

TEST(LinearBackward, IsTheGradient) {
  Stream stream(open_backend(BackendKind::reference, 1));
  constexpr int64_t l = 5, o = 4, i = 3;
  CaseTensor x(DType::f64, {l, i}, 1), weight(DType::f64, {o, i}, 2), bias(DType::f64, {o}, 3),
      dy(DType::f64, {l, o}, 4);
  CaseTensor y(DType::f64, {l, o}, 5), dx(DType::f64, {l, i}, 6), dweight(DType::f64, {o, i}, 7),
      dbias(DType::f64, {o}, 8);
  set_zero(dweight.view());
  set_zero(dbias.view());
  linear_backward(stream, {.dx = dx.view(),
                           .dweight = dweight.view(),
                           .dbias = dbias.view(),
                           .dy = dy.view(),
                           .x = x.view(),
                           .weight = weight.view()});
  expect_gradients(
      {{"dx", x.view(), dx.view()}, {"dweight", weight.view(), dweight.view()}, {"dbias", bias.view(), dbias.view()}},
      [&] {
        linear(stream, y.view(), x.view(), weight.view(), bias.view());
        return inner_product(y.view(), dy.view());
      });
}

// Few outputs and long sums tempt a library to divide the sums among the threads.
TEST(LinearBackward, IsBitwiseIndependentOfThreads) {
  struct Extents {
    int64_t l, o, i;
  };
  for (const auto& [l, o, i] : {Extents{2048, 48, 512}, Extents{1111, 512, 16}, Extents{512, 1500, 64}})
    for (DType type : {DType::f32, DType::bf16}) {
      CaseTensor x(type, {l, i}, 1), weight(type, {o, i}, 2), dy(DType::f32, {l, o}, 3);
      CaseTensor dx(DType::f32, {l, i}, 4), dweight(DType::f32, {o, i}, 5);
      const auto run = [&](int threads, TensorView to_x, TensorView to_weight) {
        Stream stream(open_backend(BackendKind::cpu, threads));
        linear_backward(stream,
                        {.dx = to_x, .dweight = to_weight, .dy = dy.view(), .x = x.view(), .weight = weight.view()});
      };
      run(1, dx.view(), dweight.view());
      for (int threads : {2, 3, 8}) {
        CaseTensor again_x(DType::f32, {l, i}, 4), again_weight(DType::f32, {o, i}, 5);
        run(threads, again_x.view(), again_weight.view());
        const auto size = [](int64_t elements) { return static_cast<size_t>(elements) * sizeof(float); };
        EXPECT_EQ(std::memcmp(dx.view().data, again_x.view().data, size(l * i)), 0) << threads << name(type);
        EXPECT_EQ(std::memcmp(dweight.view().data, again_weight.view().data, size(o * i)), 0) << threads << name(type);
      }
    }
}

TEST(LinearBackward, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor x(DType::f32, {3, 8}, 1), weight(DType::f32, {5, 8}, 2), dy(DType::f32, {3, 5}, 3),
      half(DType::f16, {3, 8}, 4), half_weight(DType::f16, {5, 8}, 5), wrong(DType::f32, {5, 7}, 6),
      dx(DType::f32, {3, 8}, 7);
  EXPECT_THROW(
      linear_backward(stream, {.dx = dx.view(), .dy = dy.view(), .x = half.view(), .weight = half_weight.view()}),
      Error);
  EXPECT_THROW(
      linear_backward(stream, {.dweight = wrong.view(), .dy = dy.view(), .x = x.view(), .weight = weight.view()}),
      Error);
  EXPECT_THROW(linear_backward(stream, {.dx = dx.view(), .dy = x.view(), .x = x.view(), .weight = weight.view()}),
               Error);
  LinearBackwardProblem rounded_dy({.type = DType::bf16, .dy_type = DType::bf16}),
      rounded_dx({.type = DType::bf16, .dx_type = DType::bf16});
  EXPECT_THROW(rounded_dy.run(stream), Error) << "the CPU backend has f32 alone";
  EXPECT_THROW(rounded_dx.run(stream), Error);
}

}  // namespace
}  // namespace saker
