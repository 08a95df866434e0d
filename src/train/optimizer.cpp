#include "train/optimizer.h"

#include <cmath>

#include "ops/adamw/adamw.h"
#include "ops/sum_of_squares/sum_of_squares.h"

namespace saker {

bool decays(TensorRole role) noexcept {
  return role == TensorRole::embedding || role == TensorRole::linear || role == TensorRole::conv;
}

Optimizer::Optimizer(Parameters& parameters, const OptimizerSettings& settings)
    : parameters_(parameters), settings_(settings), squared_norm_(DType::f64, {1}) {
  for (const Parameter& parameter : parameters.all()) {
    moments1_.emplace_back(parameter.value.dtype, parameter.value.shape);
    moments2_.emplace_back(parameter.value.dtype, parameter.value.shape);
  }
}

double Optimizer::gradient_norm(Stream& stream) {
  double& sum = *squared_norm_.view().as<double>();
  sum = 0.0;
  for (const Parameter& parameter : parameters_.all()) sum_of_squares(stream, squared_norm_.view(), parameter.gradient);
  return std::sqrt(sum);
}

void Optimizer::step(Stream& stream, double learning_rate) {
  ++steps_;
  const auto parameters = parameters_.all();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    adamw(stream, {.parameter = parameter.value,
                   .moment1 = moments1_[i].view(),
                   .moment2 = moments2_[i].view(),
                   .rounded = parameter.rounded,
                   .gradient = parameter.gradient,
                   .squared_norm = squared_norm_.view(),
                   .max_norm = settings_.clip_norm,
                   .gradient_scale = 1.0,
                   .lr = learning_rate,
                   .beta1 = settings_.beta1,
                   .beta2 = settings_.beta2,
                   .eps = settings_.eps,
                   .weight_decay = decays(parameter.role) ? settings_.weight_decay : 0.0,
                   .step = steps_});
  }
}

}  // namespace saker
