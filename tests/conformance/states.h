// Recurrent states as the vectors have them: [p, b, e, j], of which the first `dead` along j mean nothing.
#pragma once

#include <vector>

#include "conformance/vectors.h"

namespace saker::conformance {

// Of ours, [p, s, j, e].
inline std::vector<double> state_values(const ConstTensorView& state) {
  const int64_t j = state.shape[2], e = state.shape[3];
  std::vector<double> values;
  for (int64_t outer = 0; outer < state.shape[0] * state.shape[1]; ++outer)
    for (int64_t channel = 0; channel < e; ++channel)
      for (int64_t i = 0; i < j; ++i)
        values.push_back(load_element(state.data, state.dtype, (outer * j + i) * e + channel));
  return values;
}

inline std::vector<double> living_values(const Array& given, int64_t dead) {
  std::vector<double> values;
  const auto j = static_cast<size_t>(given.shape[-1]);
  for (size_t i = 0; i < given.values.size(); ++i)
    if (i % j >= static_cast<size_t>(dead)) values.push_back(given.values[i]);
  return values;
}

inline void set_state(TensorView state, const Array& given, int64_t dead) {
  const std::vector<double> values = living_values(given, dead);
  const int64_t j = state.shape[2], e = state.shape[3];
  auto value = values.begin();
  for (int64_t outer = 0; outer < state.shape[0] * state.shape[1]; ++outer)
    for (int64_t channel = 0; channel < e; ++channel)
      for (int64_t i = 0; i < j; ++i) store_element(state.data, state.dtype, (outer * j + i) * e + channel, *value++);
}

}  // namespace saker::conformance
