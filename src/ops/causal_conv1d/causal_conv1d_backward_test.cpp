#include "ops/causal_conv1d/causal_conv1d_backward.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/causal_conv1d/causal_conv1d_backward_cases.h"
#include "ops/gradient_testing.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {
namespace {

TEST(CausalConv1dBackward, AgreesWithTheReference) {
  test_op_cases(without_benchmarks(causal_conv1d_backward_cases()));
}

void check_differences(int64_t l, const std::vector<Segment>& segments, bool carried) {
  constexpr int64_t k = 4, e = 3, slots = 3;
  Stream stream(open_backend(BackendKind::reference, 1));
  CaseTensor x(DType::f64, {l, e}, 1), weight(DType::f64, {k, e}, 2), bias(DType::f64, {e}, 3),
      state(DType::f64, {slots, k - 1, e}, 4);
  CaseTensor du(DType::f64, {l, e}, 5), after(DType::f64, {slots, k - 1, e}, 6), u(DType::f64, {l, e}, 7),
      advanced(DType::f64, {slots, k - 1, e}, 8);
  CaseTensor dx(DType::f64, {l, e}, 9), dweight(DType::f64, {k, e}, 10), dbias(DType::f64, {e}, 11),
      dstate(DType::f64, {slots, k - 1, e}, 6);
  set_zero(dweight.view());
  set_zero(dbias.view());
  causal_conv1d_backward(stream, {.dx = dx.view(),
                                  .dweight = dweight.view(),
                                  .dbias = dbias.view(),
                                  .dstate = carried ? dstate.view() : TensorView(),
                                  .du = du.view(),
                                  .x = x.view(),
                                  .weight = weight.view(),
                                  .bias = bias.view(),
                                  .state = state.view(),
                                  .segments = segments});
  std::vector<GradientClaim> claims{
      {"x", x.view(), dx.view()}, {"weight", weight.view(), dweight.view()}, {"bias", bias.view(), dbias.view()}};
  if (carried) claims.push_back({"state", state.view(), dstate.view()});
  expect_gradients(claims, [&] {
    std::copy_n(state.view().as<double>(), slots * (k - 1) * e, advanced.view().as<double>());
    causal_conv1d(stream, u.view(), advanced.view(), x.view(), weight.view(), bias.view(), segments);
    return inner_product(u.view(), du.view()) + (carried ? inner_product(advanced.view(), after.view()) : 0.0);
  });
}

TEST(CausalConv1dBackward, IsTheGradient) {
  check_differences(7, {{0, 7, 1}}, true);
  check_differences(9, {{0, 4, 2}, {4, 0, 1}, {4, 1, 0}, {5, 4, kNoSlot}}, true);
  check_differences(4, {{0, 2, 2}, {2, 2, 0}}, true);
  check_differences(6, {{0, 6, kNoSlot}}, false);
}

TEST(CausalConv1dBackward, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CausalConv1dBackwardProblem nowhere({.segments = {{0, 9, 5}}}), twice({.segments = {{0, 3, 0}, {3, 4, 0}}}),
      many({.k = 9}), rounded({.type = DType::bf16});
  EXPECT_THROW(nowhere.run(stream), Error);
  EXPECT_THROW(twice.run(stream), Error);
  EXPECT_THROW(many.run(stream), Error);
  EXPECT_THROW(rounded.run(stream), Error) << "the CPU backend has f32 alone";
}

}  // namespace
}  // namespace saker
