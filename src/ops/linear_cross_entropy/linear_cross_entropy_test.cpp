#include "ops/linear_cross_entropy/linear_cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "ops/gradient_testing.h"
#include "ops/linear_cross_entropy/linear_cross_entropy_cases.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {
namespace {

TEST(LinearCrossEntropy, AgreesWithTheReference) {
  test_op_cases(without_benchmarks(linear_cross_entropy_cases()));
}

TEST(LinearCrossEntropy, IsTheGradient) {
  Stream stream(open_backend(BackendKind::reference, 1));
  constexpr double kScale = 0.7, kZLoss = 0.3;
  const std::vector<int32_t> labels{2, kIgnoredLabel, 0, 4};
  CaseTensor x(DType::f64, {4, 3}, 1), weight(DType::f64, {5, 3}, 2), nats(DType::f64, {4, 1}, 3),
      lse(DType::f64, {4, 1}, 4);
  CaseTensor dx(DType::f64, {4, 3}, 5), dweight(DType::f64, {5, 3}, 6);
  set_zero(dweight.view());
  linear_cross_entropy(stream, {.nats = nats.view(),
                                .lse = lse.view(),
                                .dx = dx.view(),
                                .dweight = dweight.view(),
                                .x = x.view(),
                                .weight = weight.view(),
                                .labels = labels,
                                .scale = kScale,
                                .z_loss = kZLoss});
  expect_gradients({{"x", x.view(), dx.view()}, {"weight", weight.view(), dweight.view()}}, [&] {
    linear_cross_entropy(stream, {.nats = nats.view(),
                                  .lse = lse.view(),
                                  .dx = {},
                                  .dweight = {},
                                  .x = x.view(),
                                  .weight = weight.view(),
                                  .labels = labels});
    double loss = 0.0;
    for (int64_t t = 0; t < 4; ++t) {
      const double z = lse.view().as<double>()[t];
      loss += nats.view().as<double>()[t] + kZLoss * z * z;
    }
    return kScale * loss;
  });
}

// A logit that is no number does not make a loss that is one, on any instruction set and in whole vectors or the tail.
TEST(LinearCrossEntropy, NanShows) {
  constexpr int64_t v = 37;
  for (int64_t target : testable_targets())
    for (float bad : {NAN, INFINITY})
      for (int64_t at : {0, 20, 36}) {
        use_target(target);
        Stream stream(open_backend(BackendKind::cpu, 1));
        Tensor weight(DType::f32, {v, 1});
        weight.view().as<float>()[at] = bad;
        float x = 1.0f, nats = 0.0f, lse = 0.0f;
        const int32_t label = 1;
        linear_cross_entropy(stream, {.nats = {&nats, DType::f32, {1, 1}},
                                      .lse = {&lse, DType::f32, {1, 1}},
                                      .dx = {},
                                      .dweight = {},
                                      .x = {&x, DType::f32, {1, 1}},
                                      .weight = weight.view(),
                                      .labels = {&label, 1}});
        EXPECT_FALSE(std::isfinite(nats)) << bad << " at " << at << " on target " << target;
      }
  use_target(0);
}

TEST(LinearCrossEntropy, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor x(DType::f32, {2, 3}, 1), weight(DType::f32, {5, 3}, 2), nats(DType::f32, {2, 1}, 3),
      lse(DType::f32, {2, 1}, 4), dx(DType::f32, {2, 3}, 5);
  const auto run = [&](std::vector<int32_t> labels, TensorView to_x) {
    linear_cross_entropy(stream, {.nats = nats.view(),
                                  .lse = lse.view(),
                                  .dx = to_x,
                                  .dweight = {},
                                  .x = x.view(),
                                  .weight = weight.view(),
                                  .labels = labels});
  };
  EXPECT_THROW(run({0, 5}, {}), Error);
  EXPECT_THROW(run({0, -1}, {}), Error);
  EXPECT_THROW(run({0}, {}), Error);
  EXPECT_THROW(run({0, 1}, dx.view()), Error) << "one gradient without the other";
}

}  // namespace
}  // namespace saker
