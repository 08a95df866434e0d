#include <cmath>
#include <vector>

#include "ops/causal_conv1d/causal_conv1d.h"

namespace saker::reference {

void causal_conv1d(Stream&, const CausalConv1dArgs& args) noexcept {
  const auto& [u, state, x, weight, bias, segments] = args;
  const int64_t k = weight.rows(), channels = weight.columns(), window = k - 1;
  std::vector<double> inputs;  // [old window | segment] of one channel
  for (const Segment& segment : segments) {
    const int64_t begin = segment.begin, length = segment.length, slot = segment.slot;
    for (int64_t e = 0; e < channels; ++e) {
      const auto state_at = [&](int64_t j) { return (slot * window + j) * channels + e; };
      inputs.clear();
      for (int64_t j = 0; j < window; ++j)
        inputs.push_back(slot == kNoSlot ? 0.0 : load_element(state.data, state.dtype, state_at(j)));
      for (int64_t t = 0; t < length; ++t) inputs.push_back(load_element(x.data, x.dtype, x.offset(begin + t, e)));

      for (int64_t t = 0; t < length; ++t) {
        double c = bias ? load_element(bias.data, bias.dtype, e) : 0.0;
        for (int64_t j = 0; j < k; ++j)
          c += load_element(weight.data, weight.dtype, weight.offset(j, e)) * inputs[static_cast<size_t>(t + j)];
        store_element(u.data, u.dtype, u.offset(begin + t, e), c / (1.0 + std::exp(-c)));
      }
      for (int64_t j = 0; j < window && slot != kNoSlot; ++j)
        store_element(state.data, state.dtype, state_at(j), inputs[static_cast<size_t>(length + j)]);
    }
  }
}

}  // namespace saker::reference
