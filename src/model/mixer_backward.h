// Gradients of a layer of Falcon Mamba: model-spec 6.1 to 6.7, from what mixer() made.
#pragma once

#include "model/mixer.h"

namespace saker {

// Gradients of a layer's tensors, f32. A is that of A_log.
using MixerGradients = BasicMixerTensors<TensorView>;

// Gradients of activations of l rows: memory of one layer at a time. Of xz's type, but dt_B_C and ddt f32.
struct MixerScratch {
  TensorView dnormalised;  // [l, d]
  TensorView dxz;          // [l, 2e]
  TensorView du;           // [l, e]
  TensorView dt_B_C;       // [l, r + 2n]
  TensorView ddt;          // [l, r]
  TensorView ddelta;       // [l, e]
  TensorView dy;           // [l, e]
};

struct MixerBackwardArgs {
  MixerGradients gradients;  // added to; with `first` those of matrices are set
  TensorView dresidual;      // [l, d] f32: of the residual stream after the layer, afterwards of that before
  TensorView rounded;        // [l, d] of the type of matrices: the same, rounded, before and after; or empty
  MixerState dstate;         // after -> before, or empty: truncated
  MixerTensors layer;
  ConstTensorView residual;  // [l, d] before the layer
  MixerActivations at;       // y apart from u; B and C apart from dt_B_C where they are normalised
  MixerState state;          // before the segments; read
  Segments segments;
  MixerScratch scratch;
  bool first = false;  // pass of a step
};

void mixer_backward(Stream& stream, const ModelConfig& config, const MixerBackwardArgs& args);

}  // namespace saker
