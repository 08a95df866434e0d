// The step size's softplus for the references.
#pragma once

#include <cmath>

namespace saker {

inline double softplus(double v) noexcept {
  return v > 20.0 ? v : std::log1p(std::exp(v));
}
inline double softplus_slope(double v) noexcept {
  return v > 20.0 ? 1.0 : 1.0 / (1.0 + std::exp(-v));
}

}  // namespace saker
