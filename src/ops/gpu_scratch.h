// Scratch memory of operations on GPUs, where it grows with a pass: what kernels take and what plans count with is one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "device/row_groups.h"
#include "ops/chunk_rows.h"

namespace saker {

// Of selective_scan_backward, in floats.
inline constexpr int kScanChunk = 8;         // tokens between two states that are kept
inline constexpr int kScanGroup = 64;        // channels of a block of the kernels for 16 states
inline constexpr int kAnyScanChannels = 32;  // and of the kernel for any number, which keeps one state
struct ScanBackwardScratch {
  int64_t groups;                  // blocks of channels
  int64_t starts, partials, sums;  // states where chunks begin; dB and dC of each group; sums of each segment
  int64_t token_sums;              // over the states, where they cannot grow in the outputs
  int64_t order;                   // of segments, in integers

  size_t bytes() const noexcept {
    return static_cast<size_t>(starts + partials + sums + token_sums + order) * sizeof(float);
  }
};
inline bool has_scan_groups(int64_t n, int64_t e) {
  return n == 16 && e % kScanGroup == 0;
}
// `kept`: the forward pass kept the states where chunks begin, which the kernels for groups then read. `rounded`: du,
// ddelta and dz are not f32.
inline ScanBackwardScratch scan_backward_scratch(int64_t l, int64_t segments, int64_t n, int64_t e, bool in_groups,
                                                 bool kept = false, bool rounded = false) {
  const int64_t block = in_groups ? kScanGroup : kAnyScanChannels, groups = (e + block - 1) / block;
  return {.groups = groups,
          .starts = in_groups && kept ? 0 : chunk_row_count(l, segments, kScanChunk) * (in_groups ? n : 1) * e,
          .partials = groups * l * 2 * n,
          .sums = segments * (n + 2) * e,
          .token_sums = !in_groups && rounded ? 3 * l * e : 0,
          .order = segments};
}

// Of causal_conv1d_backward with k taps.
inline constexpr int64_t kConvStrip = 128;  // tokens
inline size_t conv_backward_scratch_bytes(int64_t l, int64_t segments, int64_t k, int64_t e) {
  return static_cast<size_t>(chunk_row_count(l, segments, kConvStrip) * 2 * k * e) * sizeof(float);
}

// Logits of linear_cross_entropy, whose rows begin at multiples of 16 bytes in either type.
inline int64_t head_row_stride(int64_t v) {
  return (v + 7) / 8 * 8;
}
// Rows whose logits are in memory at once: as many as 512 MiB of them hold, in steps of 256, but 2,048 at least. The
// product for dweight reads and writes all of it for each chunk of rows, 8 v d bytes beside 14 v a row for its logits.
// A token then has, of (v, d), KiB of dweight and of logits:
//   rows        (16,384, 512)   (32,768, 768)   (65,024, 4096)
//   2,048        32 + 224         96 + 448        1,016 + 889      <- 65,024
//   4,096        16 + 224         48 + 448          508 + 889      <- 32,768
//   8,192         8 + 224         24 + 448          254 + 889      <- 16,384
inline int64_t gpu_head_rows(int64_t v) {
  constexpr int64_t kLogitBytes = int64_t{512} << 20, kStep = 256, kFewest = 2048;
  const int64_t rows = kLogitBytes / (head_row_stride(v) * int64_t{sizeof(float)});
  return std::max(kFewest, rows / kStep * kStep);
}
// With gradients.
inline size_t head_scratch_bytes(int64_t l, int64_t v, DType dtype) {
  const auto elements = static_cast<size_t>(std::min(l, gpu_head_rows(v)) * head_row_stride(v));
  return elements * (sizeof(float) + (dtype == DType::f32 ? 0 : size_of(dtype)));
}

// Rows of 16 bytes' multiples in which linear_backward has dy [l, o] in the type of x.
inline size_t rounded_scratch_bytes(int64_t l, int64_t o, DType dtype) {
  return static_cast<size_t>(l * ((o + 7) / 8 * 8)) * (dtype == DType::f32 ? 0 : size_of(dtype));
}

// Partial sums of rms_norm_backward and linear_backward.
inline size_t row_sums_scratch_bytes(int64_t l, int64_t columns) {
  return static_cast<size_t>(row_groups(l).count * columns) * sizeof(float);
}

}  // namespace saker
