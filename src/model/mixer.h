// A layer of Falcon Mamba on any batch of segments: model-spec section 3.3 in the order of its table. Inference and
// training run the same operations.
//
// Between operations activations are f32; the inputs of matrix products are rounded to the matrices' type by the
// operation that makes them (norm, convolution, scan), once. On a GPU so are x, z and delta of a bf16 model, by the
// products. With f64 matrices everything is f64.
#pragma once

#include "device/backend.h"
#include "device/tensor.h"
#include "model/config.h"
#include "ops/segment.h"

namespace saker {

// A layer's tensors as they are computed with: matrices in their type, the rest f32, channels innermost.
template <class View>
struct BasicMixerTensors {
  View norm;                     // [d]
  View in_proj, in_proj_bias;    // [2e, d], [2e] or empty
  View conv_weight, conv_bias;   // [k, e], [e] or empty
  View x_proj;                   // [r + 2n, e]
  View dt_proj, dt_bias;         // [e, r], [e]
  View A, D;                     // [n, e], [e]
  View out_proj, out_proj_bias;  // [d, e], [d] or empty
};
using MixerTensors = BasicMixerTensors<ConstTensorView>;

// Of l rows. y may be u; B and C may be the columns of dt_B_C, and are without the norms of Falcon Mamba.
struct MixerActivations {
  TensorView normalised;         // [l, d] dtype
  TensorView xz;                 // [l, 2e] f32, or dtype on a GPU: x before the convolution, and the gate z
  TensorView u;                  // [l, e] dtype: after convolution and SiLU
  TensorView dt_B_C;             // [l, r + 2n] f32: as x_proj makes them
  TensorView dt;                 // [l, r] dtype, normalised
  TensorView B, C;               // [l, n] f32, normalised
  TensorView delta;              // [l, e] of xz's type
  TensorView chunk_states = {};  // what the scan keeps for its backward pass on a GPU (selective_scan.h), or empty
  TensorView y;                  // [l, e] dtype: the gated output of the scan
};

// The states of a layer, which a mixer advances.
struct MixerState {
  TensorView conv;  // [s, k - 1, e]
  TensorView ssm;   // [s, n, e]
};

// What makes y from the residual stream; without `products`, from xz and dt_B_C as they are. (dt_proj runs in any
// case.)
void mixer_scan(Stream& stream, const ModelConfig& config, const MixerTensors& layer, ConstTensorView residual,
                const MixerActivations& at, Segments segments, const MixerState& state, bool products = true);

// residual [l, d] += out_proj(y), where y is made from it.
void mixer(Stream& stream, const ModelConfig& config, const MixerTensors& layer, TensorView residual,
           const MixerActivations& at, Segments segments, const MixerState& state);
// The same into another tensor: after [l, d] = residual + out_proj(y).
void mixer(Stream& stream, const ModelConfig& config, const MixerTensors& layer, TensorView after,
           ConstTensorView residual, const MixerActivations& at, Segments segments, const MixerState& state);

}  // namespace saker
