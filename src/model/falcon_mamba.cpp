#include "model/falcon_mamba.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "model/preparation.h"
#include "ops/check.h"
#include "ops/mixer_step/mixer_step.h"

namespace saker {

namespace {

// Over values in f32, so that it does not change with the type in which a checkpoint is held.
uint64_t fingerprint_of(const Weights& weights) {
  const ModelConfig& c = weights.config;
  const std::vector<double> extents{static_cast<double>(c.vocab_size),
                                    static_cast<double>(c.d_model),
                                    static_cast<double>(c.n_layer),
                                    static_cast<double>(c.d_inner),
                                    static_cast<double>(c.d_state),
                                    static_cast<double>(c.d_conv),
                                    static_cast<double>(c.dt_rank),
                                    static_cast<double>(c.variant),
                                    c.rms_eps,
                                    c.mixer_rms_eps};
  uint64_t hash = XXH3_64bits(extents.data(), extents.size() * sizeof(double));
  std::vector<float> values;
  const auto add = [&](const ConstTensorView& view) {
    values.resize(static_cast<size_t>(view.shape.elements()));
    convert_elements(values.data(), DType::f32, view.data, view.dtype, view.shape.elements());
    hash = XXH3_64bits_withSeed(values.data(), values.size() * sizeof(float), hash);
  };
  add(weights.norm_f);
  for (const LayerWeights& layer : weights.layers) {
    add(layer.norm);
    add(layer.dt_proj_bias);
  }
  return hash;
}

// Rows of the step of b sequences on a GPU.
int64_t step_rows(int64_t b) {
  return b <= kMixerStepRows ? b : static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(b)));
}

}  // namespace

FalconMamba::FalconMamba(const Weights& weights, const Backend& backend, std::optional<DType> dtype)
    : config_(weights.config),
      backend_(backend),
      weights_dtype_(
          dtype.value_or(weights.layers.empty() ? weights.embeddings.dtype : weights.layers[0].in_proj.dtype)),
      dtype_(is_quantized(weights_dtype_) ? DType::bf16 : weights_dtype_) {
  config_.validate();
  const Place place = backend.place();
  const bool here = weights.matrices_at == place;
  if (!place.on_host() && !here)
    require_gpu_memory(place.gpu, prepared_bytes(config_, weights_dtype_, dtype_, accumulation_dtype()),
                       fmt::format("a model of {} parameters in {}", config_.parameters(), name(weights_dtype_)));
  const bool copy = place.on_host() && worth_copying(weights);
  if (!copy && here) storage_ = weights.storage;
  // Beside quantised matrices only the embeddings, which come first, are used as they are.
  if (!place.on_host() && here && is_quantized(weights_dtype_) && can_quantize_all(config_)) storage_.resize(1);
  Preparation prepare({.backend = &backend,
                       .matrices = weights_dtype_,
                       .plain = dtype_,
                       .others = accumulation_dtype(),
                       .copy = copy,
                       .threads = backend.threads,
                       .matrices_at = weights.matrices_at},
                      owned_);
  embeddings_ = prepare.table(weights.embeddings);
  norm_f_ = prepare.vector(weights.norm_f);
  lm_head_ = config_.tied_embeddings && !is_quantized(weights_dtype_) ? embeddings_ : prepare.matrix(weights.lm_head);
  const auto same = [](double value) { return value; };
  for (const LayerWeights& layer : weights.layers) {
    layers_.push_back({.norm = prepare.vector(layer.norm),
                       .in_proj = prepare.matrix(layer.in_proj),
                       .in_proj_bias = prepare.vector(layer.in_proj_bias),
                       .conv_weight = prepare.channels_innermost(layer.conv1d, same),
                       .conv_bias = prepare.vector(layer.conv1d_bias),
                       .x_proj = prepare.matrix(layer.x_proj, x_proj_dtype(weights_dtype_)),
                       .dt_proj = prepare.matrix(layer.dt_proj, dt_proj_dtype(weights_dtype_)),
                       .dt_bias = prepare.vector(layer.dt_proj_bias),
                       .A = prepare.channels_innermost(layer.A_log, [](double value) { return -std::exp(value); }),
                       .D = prepare.vector(layer.D),
                       .out_proj = prepare.matrix(layer.out_proj),
                       .out_proj_bias = prepare.vector(layer.out_proj_bias)});
  }
  fingerprint_ = fingerprint_of(weights);
}

int64_t Workspace::default_rows(const Backend& backend) noexcept {
  constexpr int64_t kGpuRows = 8192;  // docs/performance.md
  return backend.kind == BackendKind::cuda ? kGpuRows : kDefaultRows;
}

int64_t Workspace::default_rows_of(const FalconMamba& model) noexcept {
  return default_rows(model.backend());
}

Workspace::Workspace(const FalconMamba& model, int64_t max_rows) : stream_(model.backend()), max_rows_(max_rows) {
  SAKER_CHECK(max_rows >= 1, ErrorCode::invalid_argument, "[model] a workspace is for at least one row; found {}",
              max_rows);
  const Place place = model.backend().place();
  const int64_t rows = place.on_host() ? max_rows : step_rows(max_rows);
  const size_t bytes = model.activation_bytes(rows);
  if (!place.on_host()) {
    require_gpu_memory(place.gpu, bytes, fmt::format("a workspace of {} tokens", rows));
    stream_.gpu().reserve_list(0, static_cast<size_t>(rows) * sizeof(int32_t));
    stream_.gpu().reserve_list(1, static_cast<size_t>(rows) * sizeof(Segment));
    host_logits_ = Buffer::pinned(static_cast<size_t>(model.config().vocab_size) * sizeof(float));
    ids_.reserve(static_cast<size_t>(rows));
    steps_.reserve(kRecordedSteps);
  }
  arena_ = Arena(bytes, place);
  segments_.reserve(static_cast<size_t>(rows));
}

// The step of these states; the one that was not used for longest gives way to a new one.
Workspace::RecordedStep& Workspace::recorded_step(int64_t rows, const StateView& state) {
  RecordedStep* oldest = nullptr;
  for (RecordedStep& step : steps_) {
    if (step.rows == rows && step.slots == state.slots() && step.conv == state.conv.data && step.ssm == state.ssm.data)
      return step;
    if (!oldest || step.last_used < oldest->last_used) oldest = &step;
  }
  if (steps_.size() < kRecordedSteps) oldest = &steps_.emplace_back();
  *oldest = {rows, state.slots(), state.conv.data, state.ssm.data, 0, {}};
  return *oldest;
}

void FalconMamba::check_ids(std::span<const int32_t> ids) const {
  for (size_t i = 0; i < ids.size(); ++i)
    SAKER_CHECK(ids[i] >= 0 && ids[i] < config_.vocab_size, ErrorCode::invalid_argument,
                "[model] token {} has id {}; the vocabulary is 0 to {}", i, ids[i], config_.vocab_size - 1);
}

bool FalconMamba::prefill(Workspace& workspace, std::span<const int32_t> ids, RecurrentState& state, TensorView logits,
                          const std::function<bool(int64_t)>& progress) const {
  SAKER_CHECK(!ids.empty(), ErrorCode::invalid_argument, "[model] a prompt has at least one token; found none");
  check_ids(ids);
  const auto total = static_cast<int64_t>(ids.size());
  for (int64_t done = 0; done < total;) {
    const int64_t count = std::min(workspace.max_rows(), total - done);
    const Segment segment{0, count, 0};
    const ConstTensorView hidden = forward(
        workspace, ids.subspan(static_cast<size_t>(done), static_cast<size_t>(count)), {&segment, 1}, state.view());
    if (progress) workspace.stream_.wait();
    state.set_tokens(state.tokens() + count);
    done += count;
    if (progress && !progress(done)) return false;
    if (done == total && logits) head(workspace, logits, hidden.slice_rows(count - 1, 1));
  }
  return true;
}

// Where logits [1, v] for the host are computed.
TensorView FalconMamba::logits_row(Workspace& workspace, std::span<float> logits) const {
  const Shape shape{1, config_.vocab_size};
  if (logits.empty()) return {};
  if (!workspace.stream_.on_gpu()) return {logits.data(), DType::f32, shape};
  return step_logits(workspace, 1).slice_rows(0, 1);
}

void FalconMamba::fetch_logits(Workspace& workspace, std::span<float> logits) const {
  if (!workspace.stream_.on_gpu()) return;
  Buffer& host = workspace.host_logits_;
  if (!logits.empty()) workspace.stream_.gpu().copy(host.data(), workspace.logits_.view().data, logits.size_bytes());
  workspace.stream_.wait();
  if (!logits.empty()) std::memcpy(logits.data(), host.data(), logits.size_bytes());
}

bool FalconMamba::prefill(Workspace& workspace, std::span<const int32_t> ids, RecurrentState& state,
                          std::span<float> logits, const std::function<bool(int64_t)>& progress) const {
  if (!prefill(workspace, ids, state, logits_row(workspace, logits), progress)) return false;
  fetch_logits(workspace, logits);
  return true;
}

void FalconMamba::step(Workspace& workspace, std::span<const int32_t> ids, std::span<const int64_t> slots,
                       StateView state, TensorView logits) const {
  SAKER_CHECK(ids.size() == slots.size(), ErrorCode::invalid_argument,
              "[model] one slot for each of {} tokens; found {}", ids.size(), slots.size());
  SAKER_CHECK(static_cast<int64_t>(ids.size()) <= workspace.max_rows(), ErrorCode::invalid_argument,
              "[model] the workspace is for {} rows; found {} sequences", workspace.max_rows(), ids.size());
  workspace.segments_.clear();
  for (size_t i = 0; i < slots.size(); ++i) workspace.segments_.push_back({static_cast<int64_t>(i), 1, slots[i]});
  if (workspace.stream_.on_gpu())
    step_on_gpu(workspace, ids, state, logits);
  else
    head(workspace, logits, forward(workspace, ids, workspace.segments_, state));
}

// [rows, v] or more; grown by the first step of so many sequences.
TensorView FalconMamba::step_logits(Workspace& workspace, int64_t rows) const {
  if (!workspace.logits_ || workspace.logits_.view().rows() < rows) {
    workspace.steps_.clear();
    workspace.logits_ = {};
    workspace.logits_ = Tensor(DType::f32, {rows, config_.vocab_size}, backend_.place());
  }
  return workspace.logits_.view();
}

// Beyond the rows of mixer_step they are filled up to a power of two with tokens of no sequence, so that few graphs
// serve any number of sequences. The first step of a kind runs as it is, which plans products and grows scratch memory;
// the second is recorded.
void FalconMamba::step_on_gpu(Workspace& workspace, std::span<const int32_t> ids, StateView state,
                              TensorView logits) const {
  const auto b = static_cast<int64_t>(ids.size());
  if (b == 0) return;
  check_ids(ids);
  std::vector<Segment>& segments = workspace.segments_;
  OpCheck("model", backend_).segments(segments, b, state.slots());
  SAKER_CHECK(logits.shape == Shape({b, config_.vocab_size}) && logits.contiguous(), ErrorCode::invalid_argument,
              "[model] expected contiguous logits [{}, {}], found {}", b, config_.vocab_size, logits.shape.text());
  const int64_t rows = step_rows(b);
  workspace.ids_.assign(ids.begin(), ids.end());
  workspace.ids_.resize(static_cast<size_t>(rows), 0);
  for (int64_t row = b; row < rows; ++row) segments.push_back({row, 1, kNoSlot});

  const TensorView made = step_logits(workspace, rows).slice_rows(0, rows);
  GpuStream& gpu = workspace.stream_.gpu();
  const GpuStream::StagedLists staged(gpu);
  stage(workspace, workspace.ids_, segments);
  const auto work = [&] { head(workspace, made, compute(workspace, workspace.ids_, segments, state, {})); };
  Workspace::RecordedStep& step = workspace.recorded_step(rows, state);
  if (!step.graph && step.last_used > 0) step.graph = gpu.record(work);
  if (step.graph)
    gpu.launch(step.graph);
  else
    work();
  step.last_used = ++workspace.uses_;
  if (logits.data != made.data)
    gpu.copy(logits.data, made.data, static_cast<size_t>(b * config_.vocab_size) * sizeof(float));
}

void FalconMamba::step(Workspace& workspace, int32_t id, RecurrentState& state, TensorView logits) const {
  const int64_t slot = 0;
  step(workspace, {&id, 1}, {&slot, 1}, state.view(), logits);
  state.set_tokens(state.tokens() + 1);
}

void FalconMamba::step(Workspace& workspace, int32_t id, RecurrentState& state, std::span<float> logits) const {
  step(workspace, id, state, logits_row(workspace, logits));
  fetch_logits(workspace, logits);
}

}  // namespace saker
