#include "ops/selective_scan/selective_scan_backward.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "ops/gradient_testing.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"
#include "ops/selective_scan/selective_scan.h"
#include "ops/selective_scan/selective_scan_backward_cases.h"

namespace saker {
namespace {

TEST(SelectiveScanBackward, AgreesWithTheReference) {
  test_op_cases(without_benchmarks(selective_scan_backward_cases()));
}

// Everything that the scan reads and writes, in f64, with a loss that weighs outputs and final states.
struct Differences {
  int64_t l, e = 3, n = 2, slots = 3;
  std::vector<Segment> segments;
  bool carried = true;

  CaseTensor rows(uint64_t seed, double mean = 0.0, double deviation = 1.0) const {
    return CaseTensor(DType::f64, {l, e}, seed, mean, deviation);
  }
  CaseTensor groups(uint64_t seed) const { return CaseTensor(DType::f64, {l, n}, seed); }
  CaseTensor states(uint64_t seed) const { return CaseTensor(DType::f64, {slots, n, e}, seed); }
  CaseTensor channels(uint64_t seed) const { return CaseTensor(DType::f64, {e}, seed); }

  void check(double delta_mean = 0.0, double delta_deviation = 1.0) {
    Stream stream(open_backend(BackendKind::reference, 1));
    CaseTensor u = rows(1), delta = rows(2, delta_mean, delta_deviation), z = rows(3), B = groups(4), C = groups(5),
               D = channels(6);
    CaseTensor bias = channels(7), A_log(DType::f64, {n, e}, 8, 0.0, 0.5), A(DType::f64, {n, e}, 9), state = states(10);
    CaseTensor dy = rows(11), dstate_after = states(12), y = rows(13), advanced = states(14);
    const auto forward = [&] {
      for (int64_t i = 0; i < n * e; ++i) A.view().as<double>()[i] = -std::exp(A_log.view().as<double>()[i]);
      std::copy_n(state.view().as<double>(), slots * n * e, advanced.view().as<double>());
      selective_scan(stream, {.y = y.view(),
                              .state = advanced.view(),
                              .u = u.view(),
                              .delta = delta.view(),
                              .delta_bias = bias.view(),
                              .A = A.view(),
                              .B = B.view(),
                              .C = C.view(),
                              .D = D.view(),
                              .z = z.view(),
                              .segments = segments});
      return inner_product(y.view(), dy.view()) + (carried ? inner_product(advanced.view(), dstate_after.view()) : 0.0);
    };
    forward();
    CaseTensor du = rows(15), ddelta = rows(16), dz = rows(17), dB = groups(18), dC = groups(19),
               dA_log(DType::f64, {n, e}, 20);
    CaseTensor dD = channels(21), dbias = channels(22), dstate = states(12);
    for (CaseTensor* sum : {&dA_log, &dD, &dbias}) set_zero(sum->view());
    selective_scan_backward(stream, {.du = du.view(),
                                     .ddelta = ddelta.view(),
                                     .dz = dz.view(),
                                     .dB = dB.view(),
                                     .dC = dC.view(),
                                     .dA_log = dA_log.view(),
                                     .dD = dD.view(),
                                     .ddelta_bias = dbias.view(),
                                     .dstate = carried ? dstate.view() : TensorView(),
                                     .dy = dy.view(),
                                     .u = u.view(),
                                     .delta = delta.view(),
                                     .delta_bias = bias.view(),
                                     .A = A.view(),
                                     .B = B.view(),
                                     .C = C.view(),
                                     .D = D.view(),
                                     .z = z.view(),
                                     .state = state.view(),
                                     .segments = segments});
    std::vector<GradientClaim> claims{{"u", u.view(), du.view()}, {"delta", delta.view(), ddelta.view()},
                                      {"z", z.view(), dz.view()}, {"B", B.view(), dB.view()},
                                      {"C", C.view(), dC.view()}, {"A_log", A_log.view(), dA_log.view()},
                                      {"D", D.view(), dD.view()}, {"delta_bias", bias.view(), dbias.view()}};
    if (carried) claims.push_back({"state", state.view(), dstate.view()});
    expect_gradients(claims, forward);
  }
};

TEST(SelectiveScanBackward, IsTheGradient) {
  Differences{.l = 7, .segments = {{0, 7, 1}}}.check();
  Differences{.l = 9, .segments = {{0, 4, 2}, {4, 0, 1}, {4, 1, 0}, {5, 4, kNoSlot}}}.check();
  Differences{.l = 6, .segments = {{0, 6, kNoSlot}}, .carried = false}.check();
}

TEST(SelectiveScanBackward, IsTheGradientBeyondTheSoftplusThreshold) {
  Differences{.l = 5, .segments = {{0, 5, 0}}}.check(24.0, 1.0);
}

TEST(SelectiveScanBackward, HasNoNaNWhereDecaysUnderflow) {
  for (BackendKind kind : {BackendKind::reference, BackendKind::cpu}) {
    Stream stream(open_backend(kind, 1));
    SelectiveScanBackwardProblem problem({.e = 17, .segments = {{0, 40, 0}}, .delta_deviation = 1e4});
    problem.run(stream);
    for (const OpOutput& out : problem.outputs())
      for (int64_t row = 0; row < out.tensor->view().rows(); ++row)
        for (int64_t i = 0; i < out.tensor->view().columns(); ++i)
          ASSERT_FALSE(std::isnan(out.tensor->view().as<float>()[out.tensor->view().offset(row, i)])) << out.name;
  }
}

TEST(SelectiveScanBackward, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  SelectiveScanBackwardProblem half({.type = DType::f16}), nowhere({.segments = {{0, 7, 5}}}),
      twice({.segments = {{0, 3, 0}, {3, 4, 0}}}), rounded({.type = DType::bf16, .handed_on = DType::bf16});
  EXPECT_THROW(half.run(stream), Error);
  EXPECT_THROW(nowhere.run(stream), Error);
  EXPECT_THROW(twice.run(stream), Error);
  EXPECT_THROW(rounded.run(stream), Error) << "the CPU backend has f32 alone";
}

}  // namespace
}  // namespace saker
