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
#include "model/master.h"
#include "model/weights.h"

namespace saker {

// Views into the memory of Parameters. The layout of computation is that of checkpoints but for A_log, [n, e] instead
// of [e, n], and conv1d.weight, [k, e] instead of [e, 1, k]: channels are innermost.
struct Parameter {
  std::string name;    // as in checkpoints
  TensorRole role;     // decides whether it decays
  Shape stored_shape;  // as in checkpoints
  // The master, in the layout of computation: f32, or f64 if the model computes in f64. Of a split one without data.
  TensorView value;
  TensorView gradient;  // the same shape and type: a sum over the passes of a step
  TensorView rounded;   // bf16 copy of the value, or empty: products read the value itself
  TensorView low;       // of a master that is split, with `rounded` as its upper half; else empty

  MasterView master() const noexcept { return {value, rounded, low}; }

  // `array` (of the value's shape, contiguous, any floating type: a value, a gradient, a moment) as checkpoints have
  // it: `stored` has stored_shape, and its own type. `array` lies at `place`, `stored` on the host.
  void to_stored(TensorView stored, ConstTensorView array, Place place = kHost) const;
  // And back. Throws invalid_argument unless `stored` has stored_shape.
  void from_stored(TensorView array, ConstTensorView stored, Place place = kHost) const;
  // A master as checkpoints have it; it lies at `place`.
  void master_to_stored(TensorView stored, const MasterView& master, Place place) const;
  // The master itself, which lies at `place`, and if it is split the rounded copy.
  void set_master(ConstTensorView stored, Place place) const;
};

// All parameters of a model in the order of tensor_specs(): a tied head is the embeddings and appears once.
class Parameters {
 public:
  // Copies `weights` to `place`. `dtype` is that of values and gradients, f32 or f64; with `rounded`, the embeddings
  // and the matrices have bf16 copies, which round() makes; those have masters in the format `masters`.
  // Gradients are zero. Throws out_of_memory.
  Parameters(const Weights& weights, DType dtype, bool rounded, Place place = kHost,
             MasterFormat masters = MasterFormat::f32);

  const ModelConfig& config() const noexcept { return config_; }
  Place place() const noexcept { return place_; }
  std::span<Parameter> all() noexcept { return parameters_; }
  std::span<const Parameter> all() const noexcept { return parameters_; }
  // Null if there is none of that name.
  const Parameter* find(std::string_view name) const noexcept;

  // The first pass of a step sets the gradients of matrices, whatever they hold, and adds to the others.
  bool is_set_first(const Parameter& parameter) const noexcept;
  // Those others, before it. In the order of the stream's work, whose backend computes where these lie.
  void zero_where_passes_add(Stream& stream);
  // All gradients as one array, with zeros between them.
  ConstTensorView gradients();
  // Renews the rounded copies of masters in one piece.
  void round(Stream& stream);
  // A copy in the layout of checkpoints, in f32 (f64 if the values are), that owns its memory, on the host.
  Weights to_weights() const;
  // The same of other masters: of each parameter, in its format, shape and type, at `place`.
  Weights to_weights(std::span<const MasterView> masters, Place place) const;

  // Bytes of values (of split masters without their upper halves), as many of gradients as of values in one piece, and
  // of rounded copies; and elements of the largest master that can be split.
  static size_t value_bytes(const ModelConfig& config, DType dtype, MasterFormat masters = MasterFormat::f32);
  static size_t rounded_bytes(const ModelConfig& config);
  static int64_t largest_rounded(const ModelConfig& config);

 private:
  ModelConfig config_;
  Place place_;
  Arena values_, gradients_, rounded_;
  size_t added_bytes_ = 0;  // of gradients_, from its begin: those that passes add to
  std::vector<Parameter> parameters_;
};

}  // namespace saker
