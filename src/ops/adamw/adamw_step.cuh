// What the kernels of AdamW have in common: the constants of a step, and clipping by the norm where it was computed.
#pragma once

#include <cmath>

#include "device/cuda/launch.cuh"
#include "ops/adamw/adamw.h"

namespace saker::cuda {

struct AdamwStep {
  const double* squared_norm;  // or null: no clipping
  double max_norm, gradient_scale;
  float keep1, take1, keep2, take2, rate, correction2, eps, decay;
};

// What is common to all elements is computed in double and rounded once.
inline AdamwStep adamw_step_of(const AdamwArgs& args) {
  const auto step = static_cast<double>(args.step);
  const bool clips = args.squared_norm && args.max_norm != 0.0;
  return {.squared_norm = clips ? static_cast<const double*>(args.squared_norm.data) : nullptr,
          .max_norm = args.max_norm,
          .gradient_scale = args.gradient_scale,
          .keep1 = static_cast<float>(args.beta1),
          .take1 = static_cast<float>(1.0 - args.beta1),
          .keep2 = static_cast<float>(args.beta2),
          .take2 = static_cast<float>(1.0 - args.beta2),
          .rate = static_cast<float>(args.lr / (1.0 - std::pow(args.beta1, step))),
          .correction2 = static_cast<float>(1.0 / (1.0 - std::pow(args.beta2, step))),
          .eps = static_cast<float>(args.eps),
          .decay = static_cast<float>(args.lr * args.weight_decay)};
}

// adamw_gradient_factor(), with the norm read here: the host does not wait for it.
__device__ __forceinline__ float gradient_factor(const AdamwStep& step) {
  if (!step.squared_norm) return static_cast<float>(step.gradient_scale);
  const double norm = step.gradient_scale * sqrt(*step.squared_norm);
  return static_cast<float>(norm <= step.max_norm ? step.gradient_scale : step.gradient_scale * (step.max_norm / norm));
}

// The parameter after a step with the new moments; rounded once.
__device__ __forceinline__ float moved(float parameter, float m, float v, const AdamwStep& step) {
  const float ratio = (step.rate * m) / (sqrtf(v * step.correction2) + step.eps);
  return parameter - fmaf(step.decay, parameter, ratio);
}

// A split master (split_master.h) as one.
__device__ __forceinline__ float joined(uint16_t high, uint16_t low) {
  return __uint_as_float((uint32_t{high} << 16) + low - (low >= 0x8000u ? 0x10000u : 0u));
}
// Its bits. A GPU's own NaN is 0x7FFFFFFF, which rounded to the upper half would be -0: one that stays NaN.
__device__ __forceinline__ uint32_t master_bits(float master) {
  return isnan(master) ? 0x7FC00000u : __float_as_uint(master);
}
__device__ __forceinline__ uint16_t high_half(float master) {
  return static_cast<uint16_t>((master_bits(master) + 0x8000u) >> 16);
}
__device__ __forceinline__ uint16_t low_half(float master) {
  return static_cast<uint16_t>(master_bits(master));
}

}  // namespace saker::cuda
