#include <cmath>
#include <vector>

#include "ops/causal_conv1d/causal_conv1d_backward.h"

namespace saker::reference {

namespace {

double at(const ConstTensorView& view, int64_t index) {
  return load_element(view.data, view.dtype, index);
}
void add(const TensorView& view, int64_t index, double value) {
  store_element(view.data, view.dtype, index, at(view, index) + value);
}

// One channel of one segment. `inputs` is [old window | segment], `gradients` what reaches each of them.
void channel_backward(const CausalConv1dBackwardArgs& args, const Segment& segment, int64_t e,
                      const std::vector<double>& inputs, std::vector<double>& gradients) {
  const int64_t k = args.weight.rows();
  for (int64_t t = 0; t < segment.length; ++t) {
    double c = args.bias ? at(args.bias, e) : 0.0;
    for (int64_t j = 0; j < k; ++j) c += at(args.weight, args.weight.offset(j, e)) * inputs[static_cast<size_t>(t + j)];
    const double sigmoid = 1.0 / (1.0 + std::exp(-c));
    const double dc = at(args.du, args.du.offset(segment.begin + t, e)) * sigmoid * (1.0 + c * (1.0 - sigmoid));
    if (args.dbias) add(args.dbias, e, dc);
    for (int64_t j = 0; j < k; ++j) {
      add(args.dweight, args.dweight.offset(j, e), dc * inputs[static_cast<size_t>(t + j)]);
      gradients[static_cast<size_t>(t + j)] += dc * at(args.weight, args.weight.offset(j, e));
    }
  }
}

}  // namespace

void causal_conv1d_backward(Stream&, const CausalConv1dBackwardArgs& args) noexcept {
  const int64_t window = args.weight.rows() - 1, channels = args.weight.columns();
  for (const Segment& segment : args.segments) {
    const int64_t begin = segment.begin, length = segment.length, slot = segment.slot;
    for (int64_t e = 0; e < channels; ++e) {
      const auto state_at = [&](int64_t j) { return (slot * window + j) * channels + e; };
      std::vector<double> inputs, gradients(static_cast<size_t>(window + length));
      for (int64_t j = 0; j < window; ++j) inputs.push_back(slot == kNoSlot ? 0.0 : at(args.state, state_at(j)));
      for (int64_t t = 0; t < length; ++t) inputs.push_back(at(args.x, args.x.offset(begin + t, e)));
      const bool carried = slot != kNoSlot && args.dstate;
      // The window after the segment is the last of [old window | segment].
      for (int64_t j = 0; carried && j < window; ++j)
        gradients[static_cast<size_t>(length + j)] += at(args.dstate, state_at(j));
      channel_backward(args, segment, e, inputs, gradients);
      for (int64_t t = 0; t < length; ++t)
        store_element(args.dx.data, args.dx.dtype, args.dx.offset(begin + t, e),
                      gradients[static_cast<size_t>(window + t)]);
      for (int64_t j = 0; carried && j < window; ++j)
        store_element(args.dstate.data, args.dstate.dtype, state_at(j), gradients[static_cast<size_t>(j)]);
    }
  }
}

}  // namespace saker::reference
