#include "model/training_activations.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "core/error.h"
#include "ops/gpu_scratch.h"

namespace saker {

namespace {

enum class Life { kept, working };

// Calls take(life, dtype, shape) for every view, in order: one list for sizes and for pointers.
template <class Take>
class Layout {
 public:
  // `chunk_rows` of chunk_states; 0: none.
  Layout(const ModelConfig& config, const TrainingOptions& options, int64_t rows, int64_t slots, int64_t chunk_rows,
         const Take& take)
      : c_(config), options_(options), l_(rows), s_(slots), chunk_rows_(chunk_rows), take_(take) {}

  void place(TrainingActivations& at) const {
    at.residuals.resize(static_cast<size_t>(c_.n_layer + 1));
    for (TensorView& residual : at.residuals) residual = take_(Life::kept, sums(), {l_, c_.d_model});
    at.layers.resize(static_cast<size_t>(c_.n_layer));
    for (MixerActivations& layer : at.layers) place_layer(layer, &layer == at.layers.data() ? nullptr : &at.layers[0]);
    at.before = {take_(Life::kept, sums(), {c_.n_layer, s_, c_.d_conv - 1, c_.d_inner}),
                 take_(Life::kept, sums(), {c_.n_layer, s_, c_.d_state, c_.d_inner})};
    at.hidden = take_(Life::working, options_.dtype, {l_, c_.d_model});
    at.lse = take_(Life::working, sums(), {l_, 1});
    at.dresidual = take_(Life::working, sums(), {l_, c_.d_model});
    if (between() == DType::bf16) at.dresidual_rounded = take_(Life::working, between(), {l_, c_.d_model});
    at.replay = {take_(Life::working, sums(), {s_, c_.d_conv - 1, c_.d_inner}),
                 take_(Life::working, sums(), {s_, c_.d_state, c_.d_inner})};
    place_scratch(at.scratch);
  }

 private:
  DType sums() const { return options_.dtype == DType::f64 ? DType::f64 : DType::f32; }
  DType between() const { return options_.dtype == DType::f64 ? DType::f64 : options_.activations; }

  // `first`: the first layer, or null for itself.
  void place_layer(MixerActivations& at, const MixerActivations* first) const {
    // `last`: the highest level at which it is kept.
    const auto place_shape = [&](TensorView MixerActivations::*view, Recompute last, DType dtype, const Shape& shape) {
      const bool kept = options_.recompute <= last;
      at.*view = kept || !first ? take_(kept ? Life::kept : Life::working, dtype, shape) : first->*view;
    };
    const auto place = [&](TensorView MixerActivations::*view, Recompute last, DType dtype, int64_t columns) {
      place_shape(view, last, dtype, {l_, columns});
    };
    const int64_t e = c_.d_inner, n = c_.d_state, r = c_.dt_rank;
    place(&MixerActivations::normalised, Recompute::states, options_.dtype, c_.d_model);
    place(&MixerActivations::xz, Recompute::in_block, between(), 2 * e);
    place(&MixerActivations::u, Recompute::states, options_.dtype, e);
    place(&MixerActivations::dt_B_C, Recompute::in_block, sums(), r + 2 * n);
    place(&MixerActivations::dt, Recompute::states, options_.dtype, r);
    if (c_.variant == Variant::falcon_mamba) {
      place(&MixerActivations::B, Recompute::states, sums(), n);
      place(&MixerActivations::C, Recompute::states, sums(), n);
    }
    place(&MixerActivations::delta, Recompute::states, between(), e);
    at.chunk_states = {};
    if (chunk_rows_ > 0) place_shape(&MixerActivations::chunk_states, Recompute::none, DType::f32, {chunk_rows_, n, e});
    place(&MixerActivations::y, Recompute::states, options_.dtype, e);
  }

  void place_scratch(MixerScratch& at) const {
    const auto take = [&](DType dtype, int64_t columns) { return take_(Life::working, dtype, {l_, columns}); };
    at = {.dnormalised = take(between(), c_.d_model),
          .dxz = take(between(), 2 * c_.d_inner),
          .du = take(between(), c_.d_inner),
          .dt_B_C = take(sums(), c_.dt_rank + 2 * c_.d_state),
          .ddt = take(sums(), c_.dt_rank),
          .ddelta = take(between(), c_.d_inner),
          .dy = take(between(), c_.d_inner)};
  }

  const ModelConfig& c_;
  const TrainingOptions& options_;
  int64_t l_, s_, chunk_rows_;
  const Take& take_;
};

// 0 where the backward pass has no use for states between chunks.
int64_t chunk_rows_of(const ModelConfig& config, int64_t rows, int64_t segments) {
  return has_scan_groups(config.d_state, config.d_inner) ? chunk_row_count(rows, segments, kScanChunk) : 0;
}

}  // namespace

Recompute recompute_named(std::string_view level) {
  for (const Recompute one : kRecomputeLevels)
    if (name(one) == level) return one;
  fail(ErrorCode::invalid_argument, "[training] recompute: expected one of {}; found {}",
       fmt::join(kRecomputeNames, ", "), level);
}

int64_t planned_segments(int64_t rows, int64_t slots) {
  constexpr int64_t kTokensOfADocument = 64;
  return std::min(rows, rows / kTokensOfADocument + slots + 1);
}

TrainingActivations::Bytes TrainingActivations::bytes(const ModelConfig& config, const TrainingOptions& options,
                                                      BackendKind kind) {
  Bytes bytes{0, 0};
  const auto count = [&](Life life, DType dtype, const Shape& shape) {
    (life == Life::kept ? bytes.kept : bytes.working) += Arena::bytes_for(dtype, shape);
    return TensorView();
  };
  TrainingActivations none;
  const int64_t rows = options.max_rows, slots = options.max_slots;
  const int64_t chunk_rows = kind == BackendKind::cuda ? chunk_rows_of(config, rows, planned_segments(rows, slots)) : 0;
  Layout(config, options, rows, slots, chunk_rows, count).place(none);
  return bytes;
}

void TrainingActivations::place(Arena& arena, const ModelConfig& config, const TrainingOptions& options, int64_t rows,
                                int64_t slots, int64_t segments) {
  const bool keeps_states = !arena.place().on_host() && segments <= planned_segments(rows, slots);
  const int64_t chunk_rows = keeps_states ? chunk_rows_of(config, rows, segments) : 0;
  arena.reset();
  const auto take = [&](Life, DType dtype, const Shape& shape) { return arena.take(dtype, shape); };
  Layout(config, options, rows, slots, chunk_rows, take).place(*this);
  if (config.variant == Variant::falcon_mamba) return;
  for (MixerActivations& layer : layers) {
    layer.B = layer.dt_B_C.slice_columns(config.dt_rank, config.d_state);
    layer.C = layer.dt_B_C.slice_columns(config.dt_rank + config.d_state, config.d_state);
  }
}

}  // namespace saker
