// Gradients of root-mean-square normalisation, y = weight x r with r = (mean(x^2) + eps)^(-1/2).
//
//   g[i]           = weight[i] dy[i]                      (weight absent: dy)
//   dx[i]          = r (g[i] - x[i] r^2 mean(x g))        (added to dx if accumulate)
//   dweight[i]    += sum_t dy[t, i] x[t, i] r[t]
//   rounded[i]     = dx[i] as it is in memory then        (for the product that has it as dy)
//
// Shapes    x, dy, dx [l, c]; rounded [l, c] or empty; weight [c] or empty; dweight [c], empty exactly where weight is.
//           Rows of x, dy, dx and rounded may be slices of wider rows.
// Types     f32; on a GPU and in the reference dy f32 or bf16, and rounded bf16, which the CPU does not have.
// Aliasing  dx may be dy if not accumulate.
// Result    bitwise independent of the number of threads.
// Errors    invalid_argument if a shape, unsupported if a type differs from the above.
// Cost      about 12 l c bytes, 10 l c FLOPs; 10 with dy in bf16; 4 more if added to dx, 2 more with rounded.
// Source    model-spec 6.4 and 6.7.
#pragma once

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

struct RmsNormBackwardArgs {
  TensorView dx;                // [l, c]
  TensorView rounded = {};      // [l, c] or empty
  TensorView dweight = {};      // [c] or empty
  ConstTensorView dy;           // [l, c]
  ConstTensorView x;            // [l, c]
  ConstTensorView weight = {};  // [c] or empty
  double eps = 0.0;
  bool accumulate = false;
};

void rms_norm_backward(Stream& stream, const RmsNormBackwardArgs& args);

namespace reference {
void rms_norm_backward(Stream& stream, const RmsNormBackwardArgs& args) noexcept;
}
namespace cpu {
void rms_norm_backward(Stream& stream, const RmsNormBackwardArgs& args);
}
namespace cuda {
void rms_norm_backward(Stream& stream, const RmsNormBackwardArgs& args);
}

}  // namespace saker
