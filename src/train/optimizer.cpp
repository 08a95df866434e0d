#include "train/optimizer.h"

#include <cmath>

#include "device/stream_memory.h"
#include "ops/adamw/adamw.h"
#include "ops/sum_of_squares/sum_of_squares.h"

namespace saker {

bool decays(TensorRole role) noexcept {
  return role == TensorRole::embedding || role == TensorRole::linear || role == TensorRole::conv;
}

bool has_8bit_moments(std::string_view name, TensorRole role) noexcept {
  const bool matrix = role == TensorRole::embedding || role == TensorRole::linear;
  return matrix && !name.ends_with("dt_proj.weight");
}

namespace {

Moment zero_moment(const Parameter& parameter, MomentFormat format, Place place) {
  const Shape& shape = parameter.value.shape;
  if (format == MomentFormat::f32 || !has_8bit_moments(parameter.name, parameter.role))
    return {Tensor(parameter.value.dtype, shape, place), {}};
  return {Tensor(DType::u8, shape, place), Tensor(DType::u8, {moment_blocks(shape.elements())}, place)};
}

}  // namespace

size_t Optimizer::moment_bytes(const ModelConfig& config, MomentFormat format) {
  size_t bytes = 0;
  for (const TensorSpec& spec : tensor_specs(config))
    bytes += format == MomentFormat::f32 || !has_8bit_moments(spec.name, spec.role)
                 ? Arena::bytes_for(DType::f32, spec.shape)
                 : Arena::bytes_for(DType::u8, spec.shape) +
                       Arena::bytes_for(DType::u8, {moment_blocks(spec.shape.elements())});
  return 2 * bytes;
}

size_t Optimizer::master_bytes(const ModelConfig& config, MasterFormat format, BackendKind on) {
  return format == MasterFormat::f32 || on == BackendKind::cuda
             ? 0
             : static_cast<size_t>(Parameters::largest_rounded(config)) * sizeof(float);
}

Optimizer::Optimizer(Parameters& parameters, const OptimizerSettings& settings)
    : parameters_(parameters), settings_(settings), squared_norm_(DType::f64, {1}, parameters.place()) {
  if (!parameters.place().on_host()) norm_on_host_ = Buffer::pinned(sizeof(double));
  for (const Parameter& parameter : parameters.all()) {
    moments1_.push_back(zero_moment(parameter, settings.moments, parameters.place()));
    moments2_.push_back(zero_moment(parameter, settings.moments, parameters.place()));
  }
}

double Optimizer::gradient_norm(Stream& stream) {
  zero(stream, squared_norm_.view());
  sum_of_squares(stream, squared_norm_.view(), parameters_.gradients());
  if (!stream.on_gpu()) return std::sqrt(*squared_norm_.view().as<double>());
  copy(stream, {norm_on_host_.data(), DType::f64, {1}}, squared_norm_.view());
  stream.wait();
  return std::sqrt(*reinterpret_cast<const double*>(norm_on_host_.data()));
}

AdamwArgs Optimizer::common(const Parameter& parameter, double learning_rate) {
  return {.parameter = parameter.value,
          .rounded = parameter.rounded,
          .low = parameter.low,
          .gradient = parameter.gradient,
          .squared_norm = squared_norm_.view(),
          .max_norm = settings_.clip_norm,
          .gradient_scale = 1.0,
          .lr = learning_rate,
          .beta1 = settings_.beta1,
          .beta2 = settings_.beta2,
          .eps = settings_.eps,
          .weight_decay = decays(parameter.role) ? settings_.weight_decay : 0.0,
          .step = steps_};
}

void Optimizer::step(Stream& stream, double learning_rate) {
  ++steps_;
  const auto parameters = parameters_.all();
  together_.clear();
  for (size_t i = 0; i < parameters.size(); ++i) {
    AdamwArgs args = common(parameters[i], learning_rate);
    if (moments1_[i].exponents) {
      adamw_8bit(stream, {.adamw = args, .moment1 = moments1_[i].coded(), .moment2 = moments2_[i].coded()});
      continue;
    }
    args.moment1 = moments1_[i].values.view();
    args.moment2 = moments2_[i].values.view();
    together_.push_back(args);
  }
  adamw(stream, together_);
}

}  // namespace saker
