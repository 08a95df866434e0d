// A decode step of one layer in one operation: one token for each of up to kWideStepRows sequences.
//
//   residual += out_proj(scan(conv(in_proj(norm(residual)))))       one token, states advance by it
//
// The composition of rms_norm, linear, causal_conv1d and selective_scan in the order of model/mixer.h, with their
// types and roundings; x, z, B, C and the step size are f32 throughout. The weights are read once whatever b is.
//
// Shapes    residual [b, d], z, u and y [b, e]; norm [d]; in_proj [2e, d], in_proj_bias [2e] or empty;
//           conv_weight [k, e], conv_bias [e] or empty; x_proj [r + 2n, e]; dt_proj [e, r], dt_bias [e]; A [n, e], D
//           [e]; out_proj [d, e], out_proj_bias [d] or empty; conv [s, k - 1, e]; ssm [s, n, e]. All contiguous.
// Types     matrices, u and y bf16 or f16; or bf16 u and y and matrices q8, q4 with dt_proj q8, or fp8 with x_proj and
//           dt_proj q8; the rest f32.
// Segments  b of them, the t-th of them row t alone, each with a slot of its own; beyond kMixerStepRows some may have
//           none.
// Workspace z, u, y: undefined before and after. y may be u.
// Result    bitwise independent of the other sequences, and up to kMixerStepRows also of their number.
// Serves    not every backend and shape: mixer_step() says whether it did. Nothing has been touched if it did not.
// Errors    invalid_argument if a shape or slot differs from the above.
// Cost      the bytes of the matrices once; per sequence the states once each way.
#pragma once

#include "device/backend.h"
#include "device/tensor.h"
#include "ops/segment.h"

namespace saker {

inline constexpr int64_t kMixerStepRows = 8;
inline constexpr int64_t kWideStepRows = 256;  // where the number of rows may change the bits

struct MixerStepArgs {
  TensorView residual, conv, ssm;
  TensorView z, u, y;
  ConstTensorView norm, in_proj, in_proj_bias, conv_weight, conv_bias, x_proj, dt_proj, dt_bias, A, D, out_proj,
      out_proj_bias;
  double eps = 0.0, mixer_eps = 0.0;
  bool mixer_norms = true;  // of dt, B and C
  Segments segments;
};

bool mixer_step(Stream& stream, const MixerStepArgs& args);

namespace reference {
bool mixer_step(Stream& stream, const MixerStepArgs& args);
}
namespace cuda {
bool mixer_step(Stream& stream, const MixerStepArgs& args);
}

}  // namespace saker
