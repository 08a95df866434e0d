#include "model/training_activations.h"

namespace saker {

namespace {

enum class Life { kept, working };

// Calls take(life, dtype, shape) for every view, in order: one list for sizes and for pointers.
template <class Take>
class Layout {
 public:
  Layout(const ModelConfig& config, const TrainingOptions& options, int64_t rows, int64_t slots, const Take& take)
      : c_(config), options_(options), l_(rows), s_(slots), take_(take) {}

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
    at.replay = {take_(Life::working, sums(), {s_, c_.d_conv - 1, c_.d_inner}),
                 take_(Life::working, sums(), {s_, c_.d_state, c_.d_inner})};
    place_scratch(at.scratch);
  }

 private:
  DType sums() const { return options_.dtype == DType::f64 ? DType::f64 : DType::f32; }

  // `first`: the first layer, or null for itself.
  void place_layer(MixerActivations& at, const MixerActivations* first) const {
    // `last`: the highest level at which it is kept.
    const auto place = [&](TensorView MixerActivations::*view, Recompute last, DType dtype, int64_t columns) {
      const bool kept = options_.recompute <= last;
      at.*view = kept || !first ? take_(kept ? Life::kept : Life::working, dtype, {l_, columns}) : first->*view;
    };
    const int64_t e = c_.d_inner, n = c_.d_state, r = c_.dt_rank;
    place(&MixerActivations::normalised, Recompute::none, options_.dtype, c_.d_model);
    place(&MixerActivations::xz, Recompute::in_block, sums(), 2 * e);
    place(&MixerActivations::u, Recompute::none, options_.dtype, e);
    place(&MixerActivations::dt_B_C, Recompute::in_block, sums(), r + 2 * n);
    place(&MixerActivations::dt, Recompute::none, options_.dtype, r);
    if (c_.variant == Variant::falcon_mamba) {
      place(&MixerActivations::B, Recompute::none, sums(), n);
      place(&MixerActivations::C, Recompute::none, sums(), n);
    }
    place(&MixerActivations::delta, Recompute::none, sums(), e);
    place(&MixerActivations::y, Recompute::none, options_.dtype, e);
  }

  void place_scratch(MixerScratch& at) const {
    const auto take = [&](int64_t columns) { return take_(Life::working, sums(), {l_, columns}); };
    at = {.dnormalised = take(c_.d_model),
          .dxz = take(2 * c_.d_inner),
          .du = take(c_.d_inner),
          .dt_B_C = take(c_.dt_rank + 2 * c_.d_state),
          .ddt = take(c_.dt_rank),
          .ddelta = take(c_.d_inner),
          .dy = take(c_.d_inner)};
  }

  const ModelConfig& c_;
  const TrainingOptions& options_;
  int64_t l_, s_;
  const Take& take_;
};

}  // namespace

TrainingActivations::Bytes TrainingActivations::bytes(const ModelConfig& config, const TrainingOptions& options) {
  Bytes bytes{0, 0};
  const auto count = [&](Life life, DType dtype, const Shape& shape) {
    (life == Life::kept ? bytes.kept : bytes.working) += Arena::bytes_for(dtype, shape);
    return TensorView();
  };
  TrainingActivations none;
  Layout(config, options, options.max_rows, options.max_slots, count).place(none);
  return bytes;
}

void TrainingActivations::place(Arena& arena, const ModelConfig& config, const TrainingOptions& options, int64_t rows,
                                int64_t slots) {
  arena.reset();
  const auto take = [&](Life, DType dtype, const Shape& shape) { return arena.take(dtype, shape); };
  Layout(config, options, rows, slots, take).place(*this);
  if (config.variant == Variant::falcon_mamba) return;
  for (MixerActivations& layer : layers) {
    layer.B = layer.dt_B_C.slice_columns(config.dt_rank, config.d_state);
    layer.C = layer.dt_B_C.slice_columns(config.dt_rank + config.d_state, config.d_state);
  }
}

}  // namespace saker
