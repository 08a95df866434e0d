// The forward pass of inference: model-spec section 3.1 on any batch of segments; model/mixer.h is a layer of it.

#include "core/error.h"
#include "model/falcon_mamba.h"
#include "ops/embedding/embedding.h"
#include "ops/linear/linear.h"
#include "ops/mixer_step/mixer_step.h"
#include "ops/rms_norm/rms_norm.h"

namespace saker {

// Of l rows. Each matrix product reads what is in dtype() and writes what is in f32 or in handed_on_dtype().
struct FalconMamba::Activations {
  TensorView residual;     // [l, d] f32, the stream
  MixerActivations mixer;  // y takes the place of u, B and C that of what they are made from
};

namespace {

// Calls take(dtype, shape) for every activation, in order: one list for sizes and for pointers.
template <class Activations, class Take>
Activations lay_out(const ModelConfig& c, DType dtype, DType accumulation, DType handed_on, int64_t l,
                    const Take& take) {
  Activations at{.residual = take(accumulation, Shape{l, c.d_model}),
                 .mixer = {.normalised = take(dtype, Shape{l, c.d_model}),
                           .xz = take(handed_on, Shape{l, 2 * c.d_inner}),
                           .u = take(dtype, Shape{l, c.d_inner}),
                           .dt_B_C = take(accumulation, Shape{l, c.dt_rank + 2 * c.d_state}),
                           .dt = take(dtype, Shape{l, c.dt_rank}),
                           .B = {},
                           .C = {},
                           .delta = take(handed_on, Shape{l, c.d_inner}),
                           .y = {}}};
  at.mixer.y = at.mixer.u;
  return at;
}

// A layer of a decode step in one operation, where the backend has it.
bool step_layer(Stream& stream, const ModelConfig& config, const MixerTensors& layer, TensorView residual,
                const MixerActivations& at, Segments segments, const MixerState& state) {
  if (!stream.on_gpu()) return false;
  return mixer_step(stream, {.residual = residual,
                             .conv = state.conv,
                             .ssm = state.ssm,
                             .z = {at.xz.data, residual.dtype, at.u.shape},  // fits: [b, e] f32 is [b, 2e] bf16
                             .u = at.u,
                             .y = at.y,
                             .norm = layer.norm,
                             .in_proj = layer.in_proj,
                             .in_proj_bias = layer.in_proj_bias,
                             .conv_weight = layer.conv_weight,
                             .conv_bias = layer.conv_bias,
                             .x_proj = layer.x_proj,
                             .dt_proj = layer.dt_proj,
                             .dt_bias = layer.dt_bias,
                             .A = layer.A,
                             .D = layer.D,
                             .out_proj = layer.out_proj,
                             .out_proj_bias = layer.out_proj_bias,
                             .eps = config.rms_eps,
                             .mixer_eps = config.mixer_rms_eps,
                             .mixer_norms = config.variant == Variant::falcon_mamba,
                             .segments = segments});
}

}  // namespace

// A GPU's kernels between the products are limited by the bytes they move. f16 ends at 65,504, which x and z have no
// reason to keep within; and linear adds a bias to f32 results alone.
DType FalconMamba::handed_on_dtype() const noexcept {
  const bool rounded = backend_.kind == BackendKind::cuda && dtype_ == DType::bf16 && !config_.use_bias;
  return rounded ? DType::bf16 : accumulation_dtype();
}

size_t FalconMamba::activation_bytes(int64_t rows) const {
  size_t bytes = 0;
  lay_out<Activations>(config_, dtype_, accumulation_dtype(), handed_on_dtype(), rows,
                       [&](DType dtype, const Shape& shape) {
                         bytes += Arena::bytes_for(dtype, shape);
                         return TensorView();
                       });
  return bytes;
}

FalconMamba::Activations FalconMamba::activations(Workspace& workspace, int64_t rows) const {
  workspace.arena_.reset();
  auto at = lay_out<Activations>(config_, dtype_, accumulation_dtype(), handed_on_dtype(), rows,
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
  if (!workspace.stream_.on_gpu()) return compute(workspace, ids, segments, state, observer);
  const GpuStream::StagedLists staged(workspace.stream_.gpu());
  stage(workspace, ids, segments);
  return compute(workspace, ids, segments, state, observer);
}

// What all layers read travels once.
void FalconMamba::stage(Workspace& workspace, std::span<const int32_t> ids, Segments segments) const {
  workspace.stream_.gpu().stage(0, ids.data(), ids.size_bytes());
  workspace.stream_.gpu().stage(1, segments.data(), segments.size_bytes());
}

ConstTensorView FalconMamba::compute(Workspace& workspace, std::span<const int32_t> ids, Segments segments,
                                     StateView state, const LayerObserver& observer) const {
  Stream& stream = workspace.stream_;
  const Activations at = activations(workspace, static_cast<int64_t>(ids.size()));

  embedding(stream, at.residual, embeddings_, ids);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const auto layer = static_cast<int64_t>(i);
    const MixerState states{state.conv.index(layer), state.ssm.index(layer)};
    if (!step_layer(stream, config_, layers_[i], at.residual, at.mixer, segments, states))
      mixer(stream, config_, layers_[i], at.residual, at.mixer, segments, states);
    if (observer) observer(layer, at.residual);
  }
  rms_norm(stream, at.mixer.normalised, at.residual, norm_f_, config_.rms_eps);
  return at.mixer.normalised;
}

void FalconMamba::head(Workspace& workspace, TensorView logits, ConstTensorView hidden) const {
  linear(workspace.stream_, logits, hidden, lm_head_);
}

}  // namespace saker
