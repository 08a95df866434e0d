// Causal depthwise convolution with SiLU, over segments that carry their window.
//
//   c[t, e] = bias[e] + sum_{j < k} weight[j, e] x[t - (k - 1) + j, e],      u = c / (1 + exp(-c))
//
// x before a segment's first token comes from its slot of `state` (kNoSlot: zeros), which holds the last k - 1 inputs,
// oldest first, before convolution and activation. Afterwards the slot holds the last k - 1 inputs of
// [old window | segment], so that segments shorter than k - 1 leave the right window.
//
// Shapes    x, u [l, e]; weight [k, e] (tap-major: the transpose of the checkpoint's [e, 1, k]); bias [e] or empty;
//           state [s, k - 1, e]; 2 <= k <= 8. Rows of x may be slices of wider rows.
// Types     weight, bias, state f32; u f32, bf16 or f16, rounded once; x f32 or (not on the CPU backend) of u's type.
// Segments  must not overlap, and no slot may appear twice.
// Aliasing  none.
// Result    bitwise independent of threads, of other segments, and of how a sequence is cut into segments.
// Errors    invalid_argument if a shape or segment, unsupported if a type differs from the above.
// Cost      l e (4 + size of u) bytes, (2 k + 4) l e FLOPs and one exponential each.
// Source    Gu and Dao 2023, figure 3; Dao-AILab/causal-conv1d. Taps are added in ascending order, bias first.
#pragma once

#include "device/backend.h"
#include "device/tensor.h"
#include "ops/segment.h"

namespace saker {

struct CausalConv1dArgs {
  TensorView u;            // [l, e]
  TensorView state;        // [s, k - 1, e]
  ConstTensorView x;       // [l, e]
  ConstTensorView weight;  // [k, e]
  ConstTensorView bias;    // [e] or empty
  Segments segments;
};

void causal_conv1d(Stream& stream, TensorView u, TensorView state, ConstTensorView x, ConstTensorView weight,
                   ConstTensorView bias, Segments segments);

namespace reference {
void causal_conv1d(Stream& stream, const CausalConv1dArgs& args) noexcept;
}
namespace cpu {
void causal_conv1d(Stream& stream, const CausalConv1dArgs& args) noexcept;
}
namespace cuda {
void causal_conv1d(Stream& stream, const CausalConv1dArgs& args);
}

}  // namespace saker
