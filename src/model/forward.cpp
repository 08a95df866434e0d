// The forward pass: model-spec section 3 in the order of its tables, on any batch of segments.
//
// Between operations activations are f32; the inputs of matrix products are rounded to the weights' type by the
// operation that makes them (norm, convolution, scan), once.

#include "core/error.h"
#include "model/falcon_mamba.h"
#include "ops/cast/cast.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/embedding/embedding.h"
#include "ops/linear/linear.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/selective_scan/selective_scan.h"

namespace saker {

// Of l rows. Each matrix product reads what is in dtype() and writes what is in f32.
struct FalconMamba::Activations {
  TensorView residual;    // [l, d] f32, the stream
  TensorView normalised;  // [l, d] dtype
  TensorView xz;          // [l, 2e] f32: x before the convolution, and the gate z
  TensorView u;           // [l, e] dtype: after convolution and SiLU; then y, the gated output of the scan
  TensorView dt_B_C;      // [l, r + 2n] f32
  TensorView dt;          // [l, r] dtype, normalised
  TensorView delta;       // [l, e] f32
};

namespace {

// Calls take(dtype, shape) for every activation, in order: one list for sizes and for pointers.
template <class Activations, class Take>
Activations lay_out(const ModelConfig& c, DType dtype, DType accumulation, int64_t l, const Take& take) {
  return {.residual = take(accumulation, Shape{l, c.d_model}),
          .normalised = take(dtype, Shape{l, c.d_model}),
          .xz = take(accumulation, Shape{l, 2 * c.d_inner}),
          .u = take(dtype, Shape{l, c.d_inner}),
          .dt_B_C = take(accumulation, Shape{l, c.dt_rank + 2 * c.d_state}),
          .dt = take(dtype, Shape{l, c.dt_rank}),
          .delta = take(accumulation, Shape{l, c.d_inner})};
}

}  // namespace

size_t FalconMamba::activation_bytes(int64_t rows) const {
  size_t bytes = 0;
  lay_out<Activations>(config_, dtype_, accumulation_dtype(), rows, [&](DType dtype, const Shape& shape) {
    bytes += Arena::bytes_for(dtype, shape);
    return TensorView();
  });
  return bytes;
}

FalconMamba::Activations FalconMamba::activations(Workspace& workspace, int64_t rows) const {
  workspace.arena_.reset();
  return lay_out<Activations>(config_, dtype_, accumulation_dtype(), rows,
                              [&](DType dtype, const Shape& shape) { return workspace.arena_.take(dtype, shape); });
}

ConstTensorView FalconMamba::forward(Workspace& workspace, std::span<const int32_t> ids, Segments segments,
                                     StateView state, const LayerObserver& observer) const {
  const auto l = static_cast<int64_t>(ids.size());
  SAKER_CHECK(l <= workspace.max_rows(), ErrorCode::invalid_argument, "[model] the workspace is for {} rows; found {}",
              workspace.max_rows(), l);
  Stream& stream = workspace.stream_;
  const Activations at = activations(workspace, l);

  embedding(stream, at.residual, embeddings_, ids);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const auto layer = static_cast<int64_t>(i);
    mixer(stream, layers_[i], at, segments, state.conv.index(layer), state.ssm.index(layer));
    if (observer) observer(layer, at.residual);
  }
  rms_norm(stream, at.normalised, at.residual, norm_f_, config_.rms_eps);
  return at.normalised;
}

// residual += out_proj(scan(conv(in_proj(norm(residual)))))
void FalconMamba::mixer(Stream& stream, const Layer& layer, const Activations& at, Segments segments,
                        TensorView conv_state, TensorView ssm_state) const {
  const int64_t e = config_.d_inner, n = config_.d_state, r = config_.dt_rank;
  const TensorView x = at.xz.slice_columns(0, e), z = at.xz.slice_columns(e, e);
  const TensorView dt = at.dt_B_C.slice_columns(0, r);
  const TensorView B = at.dt_B_C.slice_columns(r, n), C = at.dt_B_C.slice_columns(r + n, n);

  rms_norm(stream, at.normalised, at.residual, layer.norm, config_.rms_eps);
  linear(stream, at.xz, at.normalised, layer.in_proj, layer.in_proj_bias);
  causal_conv1d(stream, at.u, conv_state, x, layer.conv_weight, layer.conv_bias, segments);
  linear(stream, at.dt_B_C, at.u, layer.x_proj);
  if (config_.variant == Variant::falcon_mamba) {
    rms_norm(stream, at.dt, dt, {}, config_.mixer_rms_eps);
    rms_norm(stream, B, B, {}, config_.mixer_rms_eps);
    rms_norm(stream, C, C, {}, config_.mixer_rms_eps);
  } else {
    cast(stream, at.dt, dt);
  }
  linear(stream, at.delta, at.dt, layer.dt_proj);
  selective_scan(stream, {.y = at.u,
                          .state = ssm_state,
                          .u = at.u,
                          .delta = at.delta,
                          .delta_bias = layer.dt_bias,
                          .A = layer.A,
                          .B = B,
                          .C = C,
                          .D = layer.D,
                          .z = z,
                          .segments = segments});
  linear(stream, at.residual, at.u, layer.out_proj, layer.out_proj_bias, /*accumulate=*/true);
}

void FalconMamba::head(Workspace& workspace, TensorView logits, ConstTensorView hidden) const {
  linear(workspace.stream_, logits, hidden, lm_head_);
}

}  // namespace saker
