// The forward pass of inference: model-spec section 3.1 on any batch of segments; model/mixer.h is a layer of it.

#include "core/error.h"
#include "model/falcon_mamba.h"
#include "ops/embedding/embedding.h"
#include "ops/linear/linear.h"
#include "ops/rms_norm/rms_norm.h"

namespace saker {

// Of l rows. Each matrix product reads what is in dtype() and writes what is in f32.
struct FalconMamba::Activations {
  TensorView residual;     // [l, d] f32, the stream
  MixerActivations mixer;  // y takes the place of u, B and C that of what they are made from
};

namespace {

// Calls take(dtype, shape) for every activation, in order: one list for sizes and for pointers.
template <class Activations, class Take>
Activations lay_out(const ModelConfig& c, DType dtype, DType accumulation, int64_t l, const Take& take) {
  Activations at{.residual = take(accumulation, Shape{l, c.d_model}),
                 .mixer = {.normalised = take(dtype, Shape{l, c.d_model}),
                           .xz = take(accumulation, Shape{l, 2 * c.d_inner}),
                           .u = take(dtype, Shape{l, c.d_inner}),
                           .dt_B_C = take(accumulation, Shape{l, c.dt_rank + 2 * c.d_state}),
                           .dt = take(dtype, Shape{l, c.dt_rank}),
                           .B = {},
                           .C = {},
                           .delta = take(accumulation, Shape{l, c.d_inner}),
                           .y = {}}};
  at.mixer.y = at.mixer.u;
  return at;
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
  auto at = lay_out<Activations>(config_, dtype_, accumulation_dtype(), rows,
                                 [&](DType dtype, const Shape& shape) { return workspace.arena_.take(dtype, shape); });
  at.mixer.B = at.mixer.dt_B_C.slice_columns(config_.dt_rank, config_.d_state);
  at.mixer.C = at.mixer.dt_B_C.slice_columns(config_.dt_rank + config_.d_state, config_.d_state);
  return at;
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
    mixer(stream, config_, layers_[i], at.residual, at.mixer, segments,
          {state.conv.index(layer), state.ssm.index(layer)});
    if (observer) observer(layer, at.residual);
  }
  rms_norm(stream, at.mixer.normalised, at.residual, norm_f_, config_.rms_eps);
  return at.mixer.normalised;
}

void FalconMamba::head(Workspace& workspace, TensorView logits, ConstTensorView hidden) const {
  linear(workspace.stream_, logits, hidden, lm_head_);
}

}  // namespace saker
