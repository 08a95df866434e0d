#include "device/buffer.h"
#include "ops/cast/cast.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/linear/linear.h"
#include "ops/mixer_step/mixer_step.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/selective_scan/selective_scan.h"

namespace saker::reference {

// The primitives one after the other.
bool mixer_step(Stream& stream, const MixerStepArgs& args) {
  const int64_t b = args.residual.rows(), d = args.residual.columns(), e = args.u.columns(), n = args.A.rows(),
                r = args.dt_proj.columns();
  const DType type = args.u.dtype, sums = args.residual.dtype;
  Tensor normalised(type, {b, d}), xz(sums, {b, 2 * e}), dt_B_C(sums, {b, r + 2 * n}), dt(type, {b, r}),
      delta(sums, {b, e});
  const TensorView raw = dt_B_C.view(), B = raw.slice_columns(r, n), C = raw.slice_columns(r + n, n);

  rms_norm(stream, RmsNormArgs{normalised.view(), args.residual, args.norm, args.eps});
  linear(stream, LinearArgs{xz.view(), normalised.view(), args.in_proj, args.in_proj_bias});
  causal_conv1d(stream, CausalConv1dArgs{args.u, args.conv, xz.view().slice_columns(0, e), args.conv_weight,
                                         args.conv_bias, args.segments});
  linear(stream, LinearArgs{raw, args.u, args.x_proj, {}});
  if (args.mixer_norms) {
    rms_norm(stream, RmsNormArgs{dt.view(), raw.slice_columns(0, r), {}, args.mixer_eps});
    rms_norm(stream, RmsNormArgs{B, B, {}, args.mixer_eps});
    rms_norm(stream, RmsNormArgs{C, C, {}, args.mixer_eps});
  } else {
    cast(stream, CastArgs{dt.view(), raw.slice_columns(0, r)});
  }
  linear(stream, LinearArgs{delta.view(), dt.view(), args.dt_proj, {}});
  reference::selective_scan(stream, SelectiveScanArgs{.y = args.y,
                                                      .state = args.ssm,
                                                      .u = args.u,
                                                      .delta = delta.view(),
                                                      .delta_bias = args.dt_bias,
                                                      .A = args.A,
                                                      .B = B,
                                                      .C = C,
                                                      .D = args.D,
                                                      .z = xz.view().slice_columns(e, e),
                                                      .segments = args.segments});
  linear(stream, LinearArgs{args.residual, args.y, args.out_proj, args.out_proj_bias, true});
  return true;
}

}  // namespace saker::reference
