#include "model/mixer_backward.h"

#include "ops/cast/cast.h"
#include "ops/causal_conv1d/causal_conv1d_backward.h"
#include "ops/linear/linear_backward.h"
#include "ops/rms_norm/rms_norm_backward.h"
#include "ops/selective_scan/selective_scan_backward.h"

namespace saker {

namespace {

// Of the columns dt, B and C of x_proj's output, and of dt_proj: what lies between x_proj and the scan.
void dt_B_C_backward(Stream& stream, const ModelConfig& config, const MixerBackwardArgs& args) {
  const int64_t n = config.d_state, r = config.dt_rank;
  const MixerScratch& to = args.scratch;
  const TensorView ddt = to.dt_B_C.slice_columns(0, r);

  linear_backward(stream, {.dx = to.ddt,
                           .dweight = args.gradients.dt_proj,
                           .dbias = {},
                           .dy = to.ddelta,
                           .x = args.at.dt,
                           .weight = args.layer.dt_proj,
                           .first = args.first});
  if (config.variant == Variant::mamba) return cast(stream, ddt, to.ddt);
  const auto norm = [&](TensorView dx, ConstTensorView dy, ConstTensorView x) {
    rms_norm_backward(stream, {.dx = dx, .dweight = {}, .dy = dy, .x = x, .weight = {}, .eps = config.mixer_rms_eps});
  };
  norm(ddt, to.ddt, args.at.dt_B_C.slice_columns(0, r));
  for (int64_t begin : {r, r + n}) {
    const TensorView dx = to.dt_B_C.slice_columns(begin, n);
    norm(dx, dx, args.at.dt_B_C.slice_columns(begin, n));
  }
}

void scan_backward(Stream& stream, const ModelConfig& config, const MixerBackwardArgs& args) {
  const int64_t e = config.d_inner, n = config.d_state, r = config.dt_rank;
  const MixerActivations& at = args.at;
  const MixerScratch& to = args.scratch;
  selective_scan_backward(stream, {.du = to.du,
                                   .ddelta = to.ddelta,
                                   .dz = to.dxz.slice_columns(e, e),
                                   .dB = to.dt_B_C.slice_columns(r, n),
                                   .dC = to.dt_B_C.slice_columns(r + n, n),
                                   .dA_log = args.gradients.A,
                                   .dD = args.gradients.D,
                                   .ddelta_bias = args.gradients.dt_bias,
                                   .dstate = args.dstate.ssm,
                                   .dy = to.dy,
                                   .u = at.u,
                                   .delta = at.delta,
                                   .delta_bias = args.layer.dt_bias,
                                   .A = args.layer.A,
                                   .B = at.B,
                                   .C = at.C,
                                   .D = args.layer.D,
                                   .z = at.xz.slice_columns(e, e),
                                   .state = args.state.ssm,
                                   .chunk_states = at.chunk_states,
                                   .segments = args.segments});
}

}  // namespace

void mixer_backward(Stream& stream, const ModelConfig& config, const MixerBackwardArgs& args) {
  const int64_t e = config.d_inner;
  const MixerActivations& at = args.at;
  const MixerScratch& to = args.scratch;

  linear_backward(stream, {.dx = to.dy,
                           .dweight = args.gradients.out_proj,
                           .dbias = args.gradients.out_proj_bias,
                           .dy = args.rounded ? args.rounded : args.dresidual,
                           .x = at.y,
                           .weight = args.layer.out_proj,
                           .first = args.first});
  scan_backward(stream, config, args);
  dt_B_C_backward(stream, config, args);
  linear_backward(stream, {.dx = to.du,
                           .dweight = args.gradients.x_proj,
                           .dbias = {},
                           .dy = to.dt_B_C,
                           .x = at.u,
                           .weight = args.layer.x_proj,
                           .accumulate = true,
                           .first = args.first});
  causal_conv1d_backward(stream, {.dx = to.dxz.slice_columns(0, e),
                                  .dweight = args.gradients.conv_weight,
                                  .dbias = args.gradients.conv_bias,
                                  .dstate = args.dstate.conv,
                                  .du = to.du,
                                  .x = at.xz.slice_columns(0, e),
                                  .weight = args.layer.conv_weight,
                                  .bias = args.layer.conv_bias,
                                  .state = args.state.conv,
                                  .segments = args.segments});
  linear_backward(stream, {.dx = to.dnormalised,
                           .dweight = args.gradients.in_proj,
                           .dbias = args.gradients.in_proj_bias,
                           .dy = to.dxz,
                           .x = at.normalised,
                           .weight = args.layer.in_proj,
                           .first = args.first});
  rms_norm_backward(stream, {.dx = args.dresidual,
                             .rounded = args.rounded,
                             .dweight = args.gradients.norm,
                             .dy = to.dnormalised,
                             .x = args.residual,
                             .weight = args.layer.norm,
                             .eps = config.rms_eps,
                             .accumulate = true});
}

}  // namespace saker
