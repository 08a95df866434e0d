#include <cmath>
#include <vector>

#include "ops/elements.h"
#include "ops/gpu_scratch.h"
#include "ops/selective_scan/selective_scan.h"
#include "ops/selective_scan/softplus.h"

namespace saker::reference {

void selective_scan(Stream&, const SelectiveScanArgs& args) noexcept {
  const int64_t n_state = args.A.rows(), channels = args.A.columns();
  std::vector<double> h(static_cast<size_t>(n_state));
  for (size_t i = 0; i < args.segments.size(); ++i) {
    const Segment& segment = args.segments[i];
    const int64_t begin = segment.begin, length = segment.length, slot = segment.slot;
    const int64_t chunk_row = first_chunk_row(segment, static_cast<int64_t>(i), kScanChunk);
    for (int64_t e = 0; e < channels; ++e) {
      const auto state_at = [&](int64_t n) { return (slot * n_state + n) * channels + e; };
      for (int64_t n = 0; n < n_state; ++n)
        h[static_cast<size_t>(n)] =
            slot == kNoSlot ? 0.0 : load_element(args.state.data, args.state.dtype, state_at(n));

      for (int64_t t = begin; t < begin + length; ++t) {
        if (args.chunk_states && (t - begin) % kScanChunk == 0)
          for (int64_t n = 0; n < n_state; ++n)
            set_element(args.chunk_states, (chunk_row + (t - begin) / kScanChunk) * n_state + n, e,
                        h[static_cast<size_t>(n)]);
        const double u = element(args.u, t, e), z = element(args.z, t, e);
        const double step = softplus(element(args.delta, t, e) + element(args.delta_bias, 0, e));
        double y = element(args.D, 0, e) * u;
        for (int64_t n = 0; n < n_state; ++n) {
          double& state = h[static_cast<size_t>(n)];
          state = std::exp(step * element(args.A, n, e)) * state + step * u * element(args.B, t, n);
          y += element(args.C, t, n) * state;
        }
        store_element(args.y.data, args.y.dtype, args.y.offset(t, e), y * (z / (1.0 + std::exp(-z))));
      }
      for (int64_t n = 0; n < n_state && slot != kNoSlot; ++n)
        store_element(args.state.data, args.state.dtype, state_at(n), h[static_cast<size_t>(n)]);
    }
  }
}

}  // namespace saker::reference
