#include "model/mixer.h"

#include "ops/cast/cast.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/linear/linear.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/selective_scan/selective_scan.h"

namespace saker {

void mixer_scan(Stream& stream, const ModelConfig& config, const MixerTensors& layer, ConstTensorView residual,
                const MixerActivations& at, Segments segments, const MixerState& state, bool products) {
  const int64_t e = config.d_inner, n = config.d_state, r = config.dt_rank;
  const TensorView x = at.xz.slice_columns(0, e), z = at.xz.slice_columns(e, e);
  const TensorView dt = at.dt_B_C.slice_columns(0, r);
  const TensorView B = at.dt_B_C.slice_columns(r, n), C = at.dt_B_C.slice_columns(r + n, n);

  // Rounded to fp8 at once where in_proj would do it: in the place of the 16-bit elements, which are more bytes.
  TensorView normalised = at.normalised;
  if (rounds_to_fp8(stream, layer.in_proj, residual.rows()))
    normalised = TensorView(at.normalised.data, DType::fp8, at.normalised.shape);
  rms_norm(stream, normalised, residual, layer.norm, config.rms_eps);
  if (products) linear(stream, at.xz, normalised, layer.in_proj, layer.in_proj_bias);
  causal_conv1d(stream, at.u, state.conv, x, layer.conv_weight, layer.conv_bias, segments);
  if (products) linear(stream, at.dt_B_C, at.u, layer.x_proj);
  if (config.variant == Variant::falcon_mamba) {
    rms_norm(stream, at.dt, dt, {}, config.mixer_rms_eps);
    rms_norm(stream, at.B, B, {}, config.mixer_rms_eps);
    rms_norm(stream, at.C, C, {}, config.mixer_rms_eps);
  } else {
    cast(stream, at.dt, dt);
  }
  linear(stream, at.delta, at.dt, layer.dt_proj);
  selective_scan(stream, {.y = at.y,
                          .state = state.ssm,
                          .chunk_states = at.chunk_states,
                          .u = at.u,
                          .delta = at.delta,
                          .delta_bias = layer.dt_bias,
                          .A = layer.A,
                          .B = at.B,
                          .C = at.C,
                          .D = layer.D,
                          .z = z,
                          .segments = segments});
}

void mixer(Stream& stream, const ModelConfig& config, const MixerTensors& layer, TensorView residual,
           const MixerActivations& at, Segments segments, const MixerState& state) {
  mixer_scan(stream, config, layer, residual, at, segments, state);
  linear(stream, residual, at.y, layer.out_proj, layer.out_proj_bias, /*accumulate=*/true);
}

void mixer(Stream& stream, const ModelConfig& config, const MixerTensors& layer, TensorView after,
           ConstTensorView residual, const MixerActivations& at, Segments segments, const MixerState& state) {
  mixer_scan(stream, config, layer, residual, at, segments, state);
  linear_onto(stream, after, residual, at.y, layer.out_proj, layer.out_proj_bias);
}

}  // namespace saker
