#include "model/gpu_scratch.h"

#include <algorithm>

#include "ops/gpu_scratch.h"

namespace saker {

size_t gpu_scratch_bytes(const ModelConfig& config, const TrainingOptions& options) {
  const int64_t l = options.max_rows, e = config.d_inner, n = config.d_state, d = config.d_model;
  const int64_t segments = planned_segments(l, options.max_slots);
  const int64_t widest = std::max({2 * e, config.dt_rank + 2 * n, d});
  return std::max(
      {head_scratch_bytes(l, config.vocab_size, options.dtype),
       scan_backward_scratch(l, segments, n, e, has_scan_groups(n, e), /*kept=*/options.recompute != Recompute::states,
                             options.activations != DType::f32)
           .bytes(),
       conv_backward_scratch_bytes(l, segments, config.d_conv, e), rounded_scratch_bytes(l, widest, options.dtype),
       row_sums_scratch_bytes(l, widest)});
}

}  // namespace saker
