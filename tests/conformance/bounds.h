// Bounds of docs/numerics.md for a model of `layers` layers that computes in `dtype` on `on`.
#pragma once

#include <cmath>

#include "core/dtype.h"
#include "device/backend.h"

namespace saker::conformance {

inline double forward_bound(DType dtype, int64_t layers, BackendKind on = BackendKind::cpu) {
  if (dtype == DType::f64) return 1e-10;
  if (dtype == DType::f32) return 1e-5;
  const double roundings = on == BackendKind::cuda && dtype == DType::bf16 ? 7.0 : 4.0;  // of a layer
  return 2.0 * epsilon(dtype) * std::sqrt(roundings * static_cast<double>(layers) + 1.0);
}

inline double gradient_bound(DType dtype, int64_t layers, DType activations = DType::f32) {
  if (dtype == DType::f64) return 1e-9;
  if (dtype == DType::f32) return 3e-5;
  const double roundings = activations == DType::bf16 ? 19.0 : 12.0;  // of a layer
  return 2.0 * epsilon(dtype) * std::sqrt(roundings * static_cast<double>(layers) + 4.0);
}

// After steps of AdamW whose rates add up to `rates`.
inline double adamw_bound(DType dtype, double rates) {
  return dtype == DType::f64 ? gradient_bound(dtype, 0) : 4.0 * rates * std::sqrt(gradient_bound(dtype, 0));
}

}  // namespace saker::conformance
