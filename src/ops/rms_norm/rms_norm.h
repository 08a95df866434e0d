// Root-mean-square normalisation.
//
//   y[i] = weight[i] * x[i] / sqrt(mean(x^2) + eps)          (weight absent: 1)
//
// Shapes    x, y [l, c]; weight [c] or empty. Rows of x and y may be slices of wider rows.
// Types     x, weight f32; y f32, bf16 or f16, rounded once; or, not on the CPU backend, fp8 rounded as quantize()
//           rounds the rows of a weight, within a rounding of f32, where c is a multiple of 8 and x contiguous (on a
//           GPU at a multiple of 16 bytes). The sum of squares and the product are f32 or better.
// Aliasing  y may be x.
// Result    bitwise independent of the number of threads and of the other rows.
// Errors    invalid_argument if a shape, unsupported if a type differs from the above.
// Cost      l c (4 + size of y) bytes, 4 l c FLOPs.
// Source    Zhang and Sennrich 2019, equation 4; eps inside the root and no mean as in Llama. Falcon Mamba uses it
//           weighted before each mixer and before the head (eps = layer_norm_epsilon), weightless on dt, B and C
//           (eps = mixer_rms_eps).
#pragma once

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

struct RmsNormArgs {
  TensorView y;            // [l, c]
  ConstTensorView x;       // [l, c]
  ConstTensorView weight;  // [c] or empty
  double eps = 0.0;
};

void rms_norm(Stream& stream, TensorView y, ConstTensorView x, ConstTensorView weight, double eps);

namespace reference {
void rms_norm(Stream& stream, const RmsNormArgs& args) noexcept;
}
namespace cpu {
void rms_norm(Stream& stream, const RmsNormArgs& args) noexcept;
}
namespace cuda {
void rms_norm(Stream& stream, const RmsNormArgs& args);
}

}  // namespace saker
