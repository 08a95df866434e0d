// Gradients against central differences, in f64 on the reference backend.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "device/tensor.h"

namespace saker {

// An input, and what an operation says is the gradient of the loss with respect to it.
struct GradientClaim {
  std::string name;
  TensorView input;
  ConstTensorView gradient;
};

// The claims hold for `loss`, a function of the inputs as they are in memory: every element, to 1e-7 of the largest
// gradient of its tensor (the differences have an error of about 1e-9).
inline void expect_gradients(const std::vector<GradientClaim>& claims, const std::function<double()>& loss) {
  constexpr double kStep = 1e-5;
  for (const GradientClaim& claim : claims) {
    double largest = 1e-3;
    for (int64_t row = 0; row < claim.gradient.rows(); ++row)
      for (int64_t i = 0; i < claim.gradient.columns(); ++i)
        largest = std::max(
            largest, std::abs(load_element(claim.gradient.data, claim.gradient.dtype, claim.gradient.offset(row, i))));
    for (int64_t row = 0; row < claim.input.rows(); ++row)
      for (int64_t i = 0; i < claim.input.columns(); ++i) {
        double& element = claim.input.as<double>()[claim.input.offset(row, i)];
        const double value = element;
        element = value + kStep;
        const double above = loss();
        element = value - kStep;
        const double below = loss();
        element = value;
        const double claimed = load_element(claim.gradient.data, claim.gradient.dtype, claim.gradient.offset(row, i));
        ASSERT_NEAR(claimed, (above - below) / (2.0 * kStep), 1e-7 * largest)
            << claim.name << "[" << row << ", " << i << "]";
      }
  }
}

// sum x weight: a loss whose gradient with respect to x is weight.
inline double inner_product(const ConstTensorView& x, const ConstTensorView& weight) {
  double sum = 0.0;
  for (int64_t row = 0; row < x.rows(); ++row)
    for (int64_t i = 0; i < x.columns(); ++i)
      sum += load_element(x.data, x.dtype, x.offset(row, i)) *
             load_element(weight.data, weight.dtype, weight.offset(row, i));
  return sum;
}

inline void set_zero(const TensorView& view) {
  for (int64_t row = 0; row < view.rows(); ++row)
    for (int64_t i = 0; i < view.columns(); ++i) store_element(view.data, view.dtype, view.offset(row, i), 0.0);
}

}  // namespace saker
