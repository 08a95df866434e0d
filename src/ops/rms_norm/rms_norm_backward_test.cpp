#include "ops/rms_norm/rms_norm_backward.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "ops/gradient_testing.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rms_norm/rms_norm_backward_cases.h"

namespace saker {
namespace {

TEST(RmsNormBackward, AgreesWithTheReference) {
  test_op_cases(without_benchmarks(rms_norm_backward_cases()));
}

TEST(RmsNormBackward, IsTheGradient) {
  Stream stream(open_backend(BackendKind::reference, 1));
  for (bool weighted : {true, false}) {
    CaseTensor x(DType::f64, {3, 5}, 1), weight(DType::f64, {5}, 2), dy(DType::f64, {3, 5}, 3),
        y(DType::f64, {3, 5}, 4);
    CaseTensor dx(DType::f64, {3, 5}, 5), dweight(DType::f64, {5}, 6);
    set_zero(dweight.view());
    const ConstTensorView w = weighted ? ConstTensorView(weight.view()) : ConstTensorView();
    rms_norm_backward(stream, {.dx = dx.view(),
                               .dweight = weighted ? dweight.view() : TensorView(),
                               .dy = dy.view(),
                               .x = x.view(),
                               .weight = w,
                               .eps = 0.1});
    std::vector<GradientClaim> claims{{"x", x.view(), dx.view()}};
    if (weighted) claims.push_back({"weight", weight.view(), dweight.view()});
    expect_gradients(claims, [&] {
      rms_norm(stream, y.view(), x.view(), w, 0.1);
      return inner_product(y.view(), dy.view());
    });
  }
}

TEST(RmsNormBackward, WritesOverTheGradient) {
  for (BackendKind kind : {BackendKind::reference, BackendKind::cpu}) {
    Stream stream(open_backend(kind, 2));
    CaseTensor x(DType::f32, {4, 19}, 1), weight(DType::f32, {19}, 2), dy(DType::f32, {4, 19}, 3),
        dx(DType::f32, {4, 19}, 4);
    CaseTensor apart(DType::f32, {19}, 5), together(DType::f32, {19}, 5);
    rms_norm_backward(stream, {.dx = dx.view(),
                               .dweight = apart.view(),
                               .dy = dy.view(),
                               .x = x.view(),
                               .weight = weight.view(),
                               .eps = 1e-5});
    rms_norm_backward(stream, {.dx = dy.view(),
                               .dweight = together.view(),
                               .dy = dy.view(),
                               .x = x.view(),
                               .weight = weight.view(),
                               .eps = 1e-5});
    for (int64_t i = 0; i < 4 * 19; ++i) EXPECT_EQ(dx.view().as<float>()[i], dy.view().as<float>()[i]);
    for (int64_t i = 0; i < 19; ++i) EXPECT_EQ(apart.view().as<float>()[i], together.view().as<float>()[i]);
  }
}

TEST(RmsNormBackward, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor x(DType::f32, {3, 8}, 1), dy(DType::f32, {3, 7}, 2), dx(DType::f32, {3, 8}, 3), weight(DType::f32, {8}, 4);
  EXPECT_THROW(rms_norm_backward(stream, {.dx = dx.view(), .dy = dy.view(), .x = x.view()}), Error);
  EXPECT_THROW(rms_norm_backward(stream, {.dx = dx.view(), .dy = x.view(), .x = x.view(), .weight = weight.view()}),
               Error);
  RmsNormBackwardProblem from_bf16({.dy_type = DType::bf16}), to_bf16({.rounded = true});
  EXPECT_THROW(from_bf16.run(stream), Error) << "the CPU backend has f32 alone";
  EXPECT_THROW(to_bf16.run(stream), Error);
}

}  // namespace
}  // namespace saker
