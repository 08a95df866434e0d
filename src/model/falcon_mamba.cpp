#include "model/falcon_mamba.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "model/preparation.h"

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

}  // namespace

FalconMamba::FalconMamba(const Weights& weights, const Backend& backend, std::optional<DType> dtype)
    : config_(weights.config),
      backend_(backend),
      dtype_(dtype.value_or(weights.layers.empty() ? weights.embeddings.dtype : weights.layers[0].in_proj.dtype)) {
  config_.validate();
  const bool copy = worth_copying(weights);
  if (!copy) storage_ = weights.storage;
  Preparation prepare({.matrices = dtype_, .others = accumulation_dtype(), .copy = copy, .threads = backend.threads},
                      owned_);
  embeddings_ = prepare.matrix(weights.embeddings);
  norm_f_ = prepare.vector(weights.norm_f);
  lm_head_ = config_.tied_embeddings ? embeddings_ : prepare.matrix(weights.lm_head);
  const auto same = [](double value) { return value; };
  for (const LayerWeights& layer : weights.layers) {
    layers_.push_back({.norm = prepare.vector(layer.norm),
                       .in_proj = prepare.matrix(layer.in_proj),
                       .in_proj_bias = prepare.vector(layer.in_proj_bias),
                       .conv_weight = prepare.channels_innermost(layer.conv1d, same),
                       .conv_bias = prepare.vector(layer.conv1d_bias),
                       .x_proj = prepare.matrix(layer.x_proj),
                       .dt_proj = prepare.matrix(layer.dt_proj),
                       .dt_bias = prepare.vector(layer.dt_proj_bias),
                       .A = prepare.channels_innermost(layer.A_log, [](double value) { return -std::exp(value); }),
                       .D = prepare.vector(layer.D),
                       .out_proj = prepare.matrix(layer.out_proj),
                       .out_proj_bias = prepare.vector(layer.out_proj_bias)});
  }
  fingerprint_ = fingerprint_of(weights);
}

Workspace::Workspace(const FalconMamba& model, int64_t max_rows)
    : stream_(model.backend()), arena_(model.activation_bytes(max_rows)), max_rows_(max_rows) {
  SAKER_CHECK(max_rows >= 1, ErrorCode::invalid_argument, "[model] a workspace is for at least one row; found {}",
              max_rows);
  segments_.reserve(static_cast<size_t>(max_rows));
}

void FalconMamba::check_ids(std::span<const int32_t> ids) const {
  for (size_t i = 0; i < ids.size(); ++i)
    SAKER_CHECK(ids[i] >= 0 && ids[i] < config_.vocab_size, ErrorCode::invalid_argument,
                "[model] token {} has id {}; the vocabulary is 0 to {}", i, ids[i], config_.vocab_size - 1);
}

bool FalconMamba::prefill(Workspace& workspace, std::span<const int32_t> ids, RecurrentState& state,
                          std::span<float> logits, const std::function<bool(int64_t)>& progress) const {
  SAKER_CHECK(!ids.empty(), ErrorCode::invalid_argument, "[model] a prompt has at least one token; found none");
  check_ids(ids);
  const auto total = static_cast<int64_t>(ids.size());
  for (int64_t done = 0; done < total;) {
    const int64_t count = std::min(workspace.max_rows(), total - done);
    const Segment segment{0, count, 0};
    const ConstTensorView hidden = forward(
        workspace, ids.subspan(static_cast<size_t>(done), static_cast<size_t>(count)), {&segment, 1}, state.view());
    state.set_tokens(state.tokens() + count);
    done += count;
    if (progress && !progress(done)) return false;
    if (done == total && !logits.empty())
      head(workspace, {logits.data(), DType::f32, Shape{1, config_.vocab_size}}, hidden.slice_rows(count - 1, 1));
  }
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
  head(workspace, logits, forward(workspace, ids, workspace.segments_, state));
}

void FalconMamba::step(Workspace& workspace, int32_t id, RecurrentState& state, std::span<float> logits) const {
  const int64_t slot = 0;
  step(workspace, {&id, 1}, {&slot, 1}, state.view(), {logits.data(), DType::f32, Shape{1, config_.vocab_size}});
  state.set_tokens(state.tokens() + 1);
}

}  // namespace saker
