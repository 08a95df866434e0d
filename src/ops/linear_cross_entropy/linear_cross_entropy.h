// Head and loss in one: logits, cross-entropy, and their gradients, a few rows at a time. There is never a full tensor
// of logits.
//
//   logits[t, i]    = sum_d x[t, d] weight[i, d]
//   lse[t]          = log(sum_i e^logits[t, i])
//   nats[t]         = lse[t] - logits[t, label[t]]                              (ignored label: 0, as is lse)
//   dlogits[t, i]   = scale (p_i - [i = label[t]] + 2 z_loss lse[t] p_i),  p_i = e^(logits - lse);  ignored label: 0
//   dx              = dlogits weight;       dweight += dlogits^T x      (set to it if first, whatever dweight held)
//
// which are the gradients of  scale sum_t (nats[t] + z_loss lse[t]^2).
//
// Shapes    x [l, d]; weight [v, d] contiguous; labels [l], kIgnoredLabel or in [0, v); nats, lse [l, 1]; dx [l, d] and
//           dweight [v, d], or both empty: the loss alone. Rows of x and dx may be slices of wider rows.
// Types     x and weight of one type: f32, bf16 or (loss alone) f16; all else f32. With bf16, dlogits is rounded to
//           bf16 before its products. Sums in f32 or better.
// Aliasing  none.
// Result    bitwise independent of the number of threads.
// Errors    invalid_argument if a shape or label, unsupported if a type differs from the above.
// Cost      2 l v d FLOPs for the loss, 6 l v d with gradients; scratch of kHeadRows rows of logits, on a GPU
//           of gpu_head_rows() rows of logits, and of their gradients if x is bf16.
// Source    model-spec 3.6 and 6.8.
#pragma once

#include <cstdint>
#include <span>

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

inline constexpr int32_t kIgnoredLabel = -100;

// Rows whose logits are in memory at once.
inline constexpr int64_t kHeadRows = 256;

struct LinearCrossEntropyArgs {
  TensorView nats;                  // [l, 1]
  TensorView lse;                   // [l, 1]
  TensorView dx = {};               // [l, d] or empty
  TensorView dweight = {};          // [v, d] or empty
  ConstTensorView x;                // [l, d]
  ConstTensorView weight;           // [v, d]
  std::span<const int32_t> labels;  // [l]
  double scale = 1.0;
  double z_loss = 0.0;
  bool first = false;
};

void linear_cross_entropy(Stream& stream, const LinearCrossEntropyArgs& args);

namespace reference {
void linear_cross_entropy(Stream& stream, const LinearCrossEntropyArgs& args) noexcept;
}
namespace cpu {
void linear_cross_entropy(Stream& stream, const LinearCrossEntropyArgs& args);
}
namespace cuda {
void linear_cross_entropy(Stream& stream, const LinearCrossEntropyArgs& args);
}

}  // namespace saker
