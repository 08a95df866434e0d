// Gradients of the causal depthwise convolution with SiLU (causal_conv1d.h).
//
//   c[t, e] is recomputed from x and the window before the segment; dc = du sigmoid(c) (1 + c (1 - sigmoid(c)))
//   dx[t, e]       = sum_j weight[j, e] dc[t + (k - 1) - j, e]       (terms behind the segment's end dropped)
//   dweight[j, e] += sum_t dc[t, e] x[t - (k - 1) + j, e]            (with the window's inputs)
//   dbias[e]      += sum_t dc[t, e]
//
// `dstate`, if given, holds for each slot the gradient of the window after the segment, and afterwards that of the
// window before it. Both reach dx, too, where the windows are made of the segment's own inputs.
//
// Shapes    du, x, dx [l, e]; weight, dweight [k, e]; bias [e] or empty, dbias likewise; state [s, k - 1, e], the
//           windows BEFORE the segments (empty if no segment has a slot); dstate [s, k - 1, e] or empty: then the
//           windows after the segments have no gradient and that of the windows before is not wanted (truncated
//           back-propagation). Rows of du, x and dx may be slices of wider rows. 2 <= k <= 8.
// Types     f32; du, x and dx all f32 or, on a GPU and in the reference, all bf16: dx is rounded once.
// Segments  must not overlap, and no slot may appear twice. kNoSlot: a zero window before.
// Aliasing  none.
// Result    bitwise independent of the number of threads; rows outside of segments are not written.
// Errors    invalid_argument if a shape or segment, unsupported if a type differs from the above.
// Cost      about 12 l e bytes, 6 in bf16, (6 k + 10) l e FLOPs and one exponential each.
// Source    model-spec 6.6.
#pragma once

#include "device/backend.h"
#include "device/tensor.h"
#include "ops/segment.h"

namespace saker {

struct CausalConv1dBackwardArgs {
  TensorView dx;               // [l, e]
  TensorView dweight;          // [k, e]
  TensorView dbias = {};       // [e] or empty
  TensorView dstate = {};      // [s, k - 1, e] or empty: after -> before
  ConstTensorView du;          // [l, e]
  ConstTensorView x;           // [l, e]
  ConstTensorView weight;      // [k, e]
  ConstTensorView bias = {};   // [e] or empty
  ConstTensorView state = {};  // [s, k - 1, e] before the segments, or empty
  Segments segments;
};

void causal_conv1d_backward(Stream& stream, const CausalConv1dBackwardArgs& args);

namespace reference {
void causal_conv1d_backward(Stream& stream, const CausalConv1dBackwardArgs& args) noexcept;
}
namespace cpu {
void causal_conv1d_backward(Stream& stream, const CausalConv1dBackwardArgs& args) noexcept;
}
namespace cuda {
void causal_conv1d_backward(Stream& stream, const CausalConv1dBackwardArgs& args);
}

}  // namespace saker
