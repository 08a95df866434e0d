#include <cmath>
#include <vector>

#include "ops/selective_scan/selective_scan.h"

namespace saker::reference {

namespace {
double softplus(double v) {
  return v > 20.0 ? v : std::log1p(std::exp(v));
}
double at(const ConstTensorView& view, int64_t row, int64_t column) {
  return load_element(view.data, view.dtype, view.offset(row, column));
}
}  // namespace

void selective_scan(Stream&, const SelectiveScanArgs& args) noexcept {
  const int64_t n_state = args.A.rows(), channels = args.A.columns();
  std::vector<double> h(static_cast<size_t>(n_state));
  for (const Segment& segment : args.segments) {
    const int64_t begin = segment.begin, length = segment.length, slot = segment.slot;
    for (int64_t e = 0; e < channels; ++e) {
      const auto state_at = [&](int64_t n) { return (slot * n_state + n) * channels + e; };
      for (int64_t n = 0; n < n_state; ++n)
        h[static_cast<size_t>(n)] =
            slot == kNoSlot ? 0.0 : load_element(args.state.data, args.state.dtype, state_at(n));

      for (int64_t t = begin; t < begin + length; ++t) {
        const double u = at(args.u, t, e), z = at(args.z, t, e);
        const double step = softplus(at(args.delta, t, e) + at(args.delta_bias, 0, e));
        double y = at(args.D, 0, e) * u;
        for (int64_t n = 0; n < n_state; ++n) {
          double& state = h[static_cast<size_t>(n)];
          state = std::exp(step * at(args.A, n, e)) * state + step * u * at(args.B, t, n);
          y += at(args.C, t, n) * state;
        }
        store_element(args.y.data, args.y.dtype, args.y.offset(t, e), y * (z / (1.0 + std::exp(-z))));
      }
      for (int64_t n = 0; n < n_state && slot != kNoSlot; ++n)
        store_element(args.state.data, args.state.dtype, state_at(n), h[static_cast<size_t>(n)]);
    }
  }
}

}  // namespace saker::reference
