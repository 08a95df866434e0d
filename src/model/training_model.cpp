#include "model/training_model.h"

#include <algorithm>

#include "core/error.h"
#include "device/stream_memory.h"
#include "model/gpu_scratch.h"
#include "ops/check.h"
#include "ops/embedding/embedding.h"
#include "ops/embedding/embedding_backward.h"
#include "ops/linear/linear.h"
#include "ops/negative_exp/negative_exp.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rms_norm/rms_norm_backward.h"

namespace saker {

namespace {

DType accumulation(DType dtype) {
  return dtype == DType::f64 ? DType::f64 : DType::f32;
}

const TrainingOptions& checked(const TrainingOptions& options, const ModelConfig& config, const Backend& backend) {
  config.validate();
  SAKER_CHECK(options.dtype == DType::f32 || options.dtype == DType::bf16 ||
                  (options.dtype == DType::f64 && backend.kind == BackendKind::reference),
              ErrorCode::unsupported, "[training] dtype: expected f32 or bf16 on the {} backend, found {}",
              name(backend.kind), name(options.dtype));
  const bool can_round = options.dtype == DType::bf16 && !config.use_bias && backend.kind != BackendKind::cpu;
  SAKER_CHECK(options.activations == DType::f32 || (can_round && options.activations == DType::bf16),
              ErrorCode::unsupported,
              "[training] activations: expected f32, or bf16 on a GPU with products in bf16 and without biases; found "
              "{} with products in {} on the {} backend",
              name(options.activations), name(options.dtype), name(backend.kind));
  SAKER_CHECK(options.masters == MasterFormat::f32 || options.dtype == DType::bf16, ErrorCode::invalid_argument,
              "[training] masters are split where products are in bf16; found {}", name(options.dtype));
  SAKER_CHECK(options.max_rows >= 1 && options.max_slots >= 0, ErrorCode::invalid_argument,
              "[training] expected at least one row and no less than 0 slots, found {} and {}", options.max_rows,
              options.max_slots);
  return options;
}

size_t arena_bytes(const ModelConfig& config, const TrainingOptions& options, BackendKind kind) {
  const auto bytes = TrainingActivations::bytes(config, options, kind);
  return bytes.kept + bytes.working;
}

enum List { kIds, kSegments, kLabels };  // of GpuStream

// The lists that all operations of a pass read travel to a GPU once, through pinned memory: several passes may be
// queued before the first has ended.
class StagedPass {
 public:
  StagedPass(Stream& stream, std::span<const int32_t> ids, std::span<const int32_t> labels, Segments segments) {
    if (!stream.on_gpu()) return;
    GpuStream& gpu = stream.gpu();
    staged_.emplace(gpu);
    gpu.stage(kIds, ids.data(), ids.size_bytes());
    gpu.stage(kLabels, labels.data(), labels.size_bytes());
    gpu.stage(kSegments, segments.data(), segments.size_bytes());
  }

 private:
  std::optional<GpuStream::StagedLists> staged_;
};

// What products take beside their tensors on the CPU: the gradient of an output, transposed; in bf16 also as it is.
size_t product_bytes(const ModelConfig& config, const TrainingOptions& options) {
  const int64_t logits = std::min(kHeadRows, options.max_rows) * config.vocab_size;
  const int64_t outputs =
      (options.dtype == DType::bf16 ? 2 : 1) * std::max(options.max_rows * 2 * config.d_inner, logits);
  return static_cast<size_t>(logits) * size_of(accumulation(options.dtype)) +
         static_cast<size_t>(outputs) * size_of(options.dtype);
}

// Empty tensors become tensors of no slots, which operations take.
StateView with_shape(const StateView& state, const ModelConfig& c, DType dtype) {
  if (state.slots() > 0) return state;
  return {{nullptr, dtype, {c.n_layer, 0, c.d_conv - 1, c.d_inner}},
          {nullptr, dtype, {c.n_layer, 0, c.d_state, c.d_inner}}};
}

MixerState layer_of(const StateView& state, int64_t layer) {
  return {state.conv.index(layer), state.ssm.index(layer)};
}

// The tensors of a layer by get(name of the tensor, without the layer's prefix); empty where there is none.
template <class View, class Get>
BasicMixerTensors<View> layer_tensors(const Get& get) {
  return {.norm = get("norm.weight"),
          .in_proj = get("mixer.in_proj.weight"),
          .in_proj_bias = get("mixer.in_proj.bias"),
          .conv_weight = get("mixer.conv1d.weight"),
          .conv_bias = get("mixer.conv1d.bias"),
          .x_proj = get("mixer.x_proj.weight"),
          .dt_proj = get("mixer.dt_proj.weight"),
          .dt_bias = get("mixer.dt_proj.bias"),
          .A = get("mixer.A_log"),
          .D = get("mixer.D"),
          .out_proj = get("mixer.out_proj.weight"),
          .out_proj_bias = get("mixer.out_proj.bias")};
}

ConstTensorView computed(const Parameter& parameter) {
  return parameter.rounded ? parameter.rounded : parameter.value;
}

}  // namespace

MemoryPlan TrainingModel::memory(const ModelConfig& config, const TrainingOptions& options, BackendKind kind) {
  const auto bytes = TrainingActivations::bytes(config, options, kind);
  const DType sums = accumulation(options.dtype);
  const int64_t A = config.n_layer * config.d_state * config.d_inner;
  return {.values = Parameters::value_bytes(config, sums, options.masters),
          .gradients = Parameters::value_bytes(config, sums),
          .rounded = options.dtype == DType::bf16 ? Parameters::rounded_bytes(config) : 0,
          .kept = bytes.kept,
          .working = bytes.working + static_cast<size_t>(A) * size_of(sums) +
                     (kind == BackendKind::cuda ? gpu_scratch_bytes(config, options) + kGpuStreamBytes
                                                : product_bytes(config, options))};
}

TrainingModel::TrainingModel(const Weights& weights, const Backend& backend, const TrainingOptions& options)
    : options_(checked(options, weights.config, backend)),
      stream_(backend),
      parameters_(weights, accumulation(options.dtype), options.dtype == DType::bf16, backend.place(), options.masters),
      A_(accumulation(options.dtype), {weights.config.n_layer, weights.config.d_state, weights.config.d_inner},
         backend.place()),
      arena_(arena_bytes(weights.config, options, backend.kind), backend.place()) {
  reserve();
  bind();
  refresh();
}

// So that no pass allocates, and what is reserved is what the plan says.
void TrainingModel::reserve() {
  if (!stream_.on_gpu()) return;
  GpuStream& gpu = stream_.gpu();
  gpu.scratch(gpu_scratch_bytes(config(), options_));
  const auto rows = static_cast<size_t>(options_.max_rows);
  gpu.reserve_list(kIds, rows * sizeof(int32_t));
  gpu.reserve_list(kSegments, rows * sizeof(Segment));
  gpu.reserve_list(kLabels, rows * sizeof(int32_t));
  gpu.reserve_list(GpuStream::kUnstaged, embedding_backward_list_bytes(options_.max_rows));
}

void TrainingModel::bind() {
  const auto get = [&](const std::string& name) { return parameters_.find(name); };
  embeddings_ = computed(*get("backbone.embeddings.weight"));
  dembeddings_ = get("backbone.embeddings.weight")->gradient;
  norm_f_ = get("backbone.norm_f.weight")->value;
  dnorm_f_ = get("backbone.norm_f.weight")->gradient;
  const Parameter* head = get(config().tied_embeddings ? "backbone.embeddings.weight" : "lm_head.weight");
  lm_head_ = computed(*head);
  dlm_head_ = head->gradient;
  for (int64_t i = 0; i < config().n_layer; ++i) {
    const auto find = [&](const char* tensor) { return get(fmt::format("backbone.layers.{}.{}", i, tensor)); };
    LayerTensors layer{.values = layer_tensors<ConstTensorView>([&](const char* tensor) {
                         const Parameter* parameter = find(tensor);
                         return parameter ? computed(*parameter) : ConstTensorView();
                       }),
                       .A_log = {},
                       .gradients = layer_tensors<TensorView>([&](const char* tensor) {
                         const Parameter* parameter = find(tensor);
                         return parameter ? parameter->gradient : TensorView();
                       })};
    layer.A_log = layer.values.A;
    layer.values.A = A_.view().index(i);
    layers_.push_back(layer);
  }
}

void TrainingModel::refresh(bool round) {
  if (round) parameters_.round(stream_);
  for (size_t i = 0; i < layers_.size(); ++i)
    negative_exp(stream_, A_.view().index(static_cast<int64_t>(i)), layers_[i].A_log);
}

void TrainingModel::zero_gradients() {
  parameters_.zero_where_passes_add(stream_);
  first_pass_ = true;
}

void TrainingModel::check(std::span<const int32_t> ids, std::span<const int32_t> labels, Segments segments,
                          const StateView& state, const TensorView& nats,
                          const std::optional<StateView>& dstate) const {
  const OpCheck check("training", stream_.backend());
  const ModelConfig& c = config();
  const auto l = static_cast<int64_t>(ids.size());
  const int64_t s = state.slots();
  SAKER_CHECK(l >= 1 && l <= options_.max_rows && labels.size() == ids.size(), ErrorCode::invalid_argument,
              "[training] expected 1 to {} rows and a label for each, found {} and {}", options_.max_rows, l,
              labels.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    SAKER_CHECK(ids[i] >= 0 && ids[i] < c.vocab_size, ErrorCode::invalid_argument,
                "[training] row {}: expected an id below {}, found {}", i, c.vocab_size, ids[i]);
    SAKER_CHECK(labels[i] == kIgnoredLabel || (labels[i] >= 0 && labels[i] < c.vocab_size), ErrorCode::invalid_argument,
                "[training] row {}: expected a label below {} or {}, found {}", i, c.vocab_size, kIgnoredLabel,
                labels[i]);
  }
  SAKER_CHECK(s <= options_.max_slots, ErrorCode::invalid_argument, "[training] expected at most {} slots, found {}",
              options_.max_slots, s);
  check.segments(segments, l, s);
  int64_t covered = 0;
  for (const Segment& segment : segments) covered += segment.length;
  SAKER_CHECK(covered == l, ErrorCode::invalid_argument, "[training] expected segments that cover {} rows, found {}", l,
              covered);
  const auto check_state = [&](const StateView& states) {
    check.shape("conv states", states.conv, {c.n_layer, s, c.d_conv - 1, c.d_inner});
    check.shape("ssm states", states.ssm, {c.n_layer, s, c.d_state, c.d_inner});
    for (const TensorView& view : {states.conv, states.ssm}) check.same_type("states", view, accumulation_dtype());
  };
  check_state(with_shape(state, c, accumulation_dtype()));
  if (dstate) check_state(with_shape(*dstate, c, accumulation_dtype()));
  check.shape("nats", nats, {l});
  check.same_type("nats", nats, accumulation_dtype());
}

void TrainingModel::forward(std::span<const int32_t> ids, Segments segments, const StateView& state) {
  at_.place(arena_, config(), options_, static_cast<int64_t>(ids.size()), state.slots(),
            static_cast<int64_t>(segments.size()));
  copy(stream_, at_.before.conv, state.conv);
  copy(stream_, at_.before.ssm, state.ssm);
  embedding(stream_, at_.residuals[0], embeddings_, ids);
  for (size_t i = 0; i < layers_.size(); ++i) {
    mixer(stream_, config(), layers_[i].values, at_.residuals[i + 1], at_.residuals[i], at_.layers[i], segments,
          layer_of(state, static_cast<int64_t>(i)));
  }
  rms_norm(stream_, at_.hidden, at_.residuals.back(), norm_f_, config().rms_eps);
}

// What the forward pass made of a layer and did not keep.
void TrainingModel::rebuild(int64_t layer, Segments segments) {
  const auto i = static_cast<size_t>(layer);
  const MixerState before = layer_of(at_.before, layer);
  copy(stream_, at_.replay.conv, before.conv);
  copy(stream_, at_.replay.ssm, before.ssm);
  mixer_scan(stream_, config(), layers_[i].values, at_.residuals[i], at_.layers[i], segments, at_.replay,
             /*products=*/options_.recompute == Recompute::full);
}

// From dresidual, the gradient of the stream after the last layer.
void TrainingModel::backward(std::span<const int32_t> ids, Segments segments, const std::optional<StateView>& dstate) {
  for (int64_t layer = config().n_layer - 1; layer >= 0; --layer) {
    const auto i = static_cast<size_t>(layer);
    // What is shared still holds the last layer.
    if (options_.recompute > Recompute::states && layer + 1 < config().n_layer) rebuild(layer, segments);
    MixerActivations at = at_.layers[i];
    if (options_.recompute == Recompute::states) at.chunk_states = {};  // they are another layer's by now
    mixer_backward(stream_, config(),
                   {.gradients = layers_[i].gradients,
                    .dresidual = at_.dresidual,
                    .rounded = at_.dresidual_rounded,
                    .dstate = dstate && dstate->slots() > 0 ? layer_of(*dstate, layer) : MixerState(),
                    .layer = layers_[i].values,
                    .residual = at_.residuals[i],
                    .at = at,
                    .state = layer_of(at_.before, layer),
                    .segments = segments,
                    .scratch = at_.scratch,
                    .first = first_pass_});
  }
  embedding_backward(stream_, dembeddings_, at_.dresidual, ids);
}

void TrainingModel::forward_backward(std::span<const int32_t> ids, std::span<const int32_t> labels, Segments segments,
                                     StateView state, const LossOptions& loss, TensorView nats,
                                     const std::optional<StateView>& dstate) {
  check(ids, labels, segments, state, nats, dstate);
  const StagedPass staged(stream_, ids, labels, segments);
  forward(ids, segments, with_shape(state, config(), accumulation_dtype()));
  linear_cross_entropy(stream_, {.nats = {nats.data, nats.dtype, at_.lse.shape},
                                 .lse = at_.lse,
                                 .dx = at_.dresidual,
                                 .dweight = dlm_head_,
                                 .x = at_.hidden,
                                 .weight = lm_head_,
                                 .labels = labels,
                                 .scale = loss.scale,
                                 .z_loss = loss.z_loss,
                                 .first = first_pass_});
  rms_norm_backward(stream_, {.dx = at_.dresidual,
                              .rounded = at_.dresidual_rounded,
                              .dweight = dnorm_f_,
                              .dy = at_.dresidual,
                              .x = at_.residuals.back(),
                              .weight = norm_f_,
                              .eps = config().rms_eps});
  backward(ids, segments, dstate);
  first_pass_ = false;
}

void TrainingModel::evaluate(std::span<const int32_t> ids, std::span<const int32_t> labels, Segments segments,
                             StateView state, TensorView nats) {
  check(ids, labels, segments, state, nats, std::nullopt);
  const StagedPass staged(stream_, ids, labels, segments);
  forward(ids, segments, with_shape(state, config(), accumulation_dtype()));
  linear_cross_entropy(stream_, {.nats = {nats.data, nats.dtype, at_.lse.shape},
                                 .lse = at_.lse,
                                 .dx = {},
                                 .dweight = {},
                                 .x = at_.hidden,
                                 .weight = lm_head_,
                                 .labels = labels});
}

void TrainingModel::head(TensorView logits, ConstTensorView hidden) {
  linear(stream_, logits, hidden, lm_head_);
}

}  // namespace saker
