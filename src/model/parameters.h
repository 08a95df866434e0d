// The tensors that training changes: values, gradients, and the rounded copies that products read.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "device/arena.h"
#include "device/backend.h"
#include "model/weights.h"

namespace saker {

// Views into the memory of Parameters. The layout of computation is that of checkpoints but for A_log, [n, e] instead
// of [e, n], and conv1d.weight, [k, e] instead of [e, 1, k]: channels are innermost.
struct Parameter {
  std::string name;     // as in checkpoints
  TensorRole role;      // decides whether it decays
  Shape stored_shape;   // as in checkpoints
  TensorView value;     // master, in the layout of computation: f32, or f64 if the model computes in f64
  TensorView gradient;  // the same shape and type: a sum, to which every micro-batch adds
  TensorView rounded;   // bf16 copy of the value, or empty: products read the value itself

  // `array` (of the value's shape, contiguous, any floating type: a value, a gradient, a moment) as checkpoints have
  // it: `stored` has stored_shape, and its own type. `array` lies at `place`, `stored` on the host.
  void to_stored(TensorView stored, ConstTensorView array, Place place = kHost) const;
  // And back. Throws invalid_argument unless `stored` has stored_shape.
  void from_stored(TensorView array, ConstTensorView stored, Place place = kHost) const;
};

// All parameters of a model in the order of tensor_specs(): a tied head is the embeddings and appears once.
class Parameters {
 public:
  // Copies `weights` to `place`. `dtype` is that of values and gradients, f32 or f64; with `rounded`, the embeddings
  // and the matrices have bf16 copies, which round() makes. Gradients are zero. Throws out_of_memory.
  Parameters(const Weights& weights, DType dtype, bool rounded, Place place = kHost);

  const ModelConfig& config() const noexcept { return config_; }
  Place place() const noexcept { return place_; }
  std::span<Parameter> all() noexcept { return parameters_; }
  std::span<const Parameter> all() const noexcept { return parameters_; }
  // Null if there is none of that name.
  const Parameter* find(std::string_view name) const noexcept;

  // In the order of the stream's work, whose backend computes where these lie.
  void zero_gradients(Stream& stream);
  // Renews the rounded copies.
  void round(Stream& stream);
  // A copy in the layout of checkpoints, in f32 (f64 if the values are), that owns its memory, on the host.
  Weights to_weights() const;
  // The same of other values: of each parameter, in its shape and type, at `place`.
  Weights to_weights(std::span<const ConstTensorView> values, Place place) const;

  // Bytes of values, as many of gradients, and of rounded copies.
  static size_t value_bytes(const ModelConfig& config, DType dtype);
  static size_t rounded_bytes(const ModelConfig& config);

 private:
  ModelConfig config_;
  Place place_;
  Arena values_, gradients_, rounded_;
  std::vector<Parameter> parameters_;
};

}  // namespace saker
