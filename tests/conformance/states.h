// Recurrent states as the vectors have them: [p, b, e, j], of which the first `dead` along j mean nothing.
#pragma once

#include <vector>

#include "conformance/vectors.h"
#include "device/gpu.h"

namespace saker::conformance {

// Of ours, [p, s, j, e].
inline std::vector<double> state_values(const ConstTensorView& given, Place place = kHost) {
  const Tensor fetched = place.on_host() ? Tensor() : fetch(given, place);
  const ConstTensorView state = place.on_host() ? given : fetched.view();
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

inline void set_state(TensorView to, const Array& given, int64_t dead, Place place = kHost) {
  Tensor made;
  TensorView state = to;
  if (!place.on_host()) {
    made = Tensor(to.dtype, to.shape);
    state = made.view();
  }
  const std::vector<double> values = living_values(given, dead);
  const int64_t j = state.shape[2], e = state.shape[3];
  auto value = values.begin();
  for (int64_t outer = 0; outer < state.shape[0] * state.shape[1]; ++outer)
    for (int64_t channel = 0; channel < e; ++channel)
      for (int64_t i = 0; i < j; ++i) store_element(state.data, state.dtype, (outer * j + i) * e + channel, *value++);
  if (!place.on_host()) copy_bytes(to.data, place, state.data, kHost, made.bytes());
}

}  // namespace saker::conformance
