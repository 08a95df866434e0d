// A model in training: loss and gradients of packed token sequences.
//
// The forward pass is that of inference (model/mixer.h), operation by operation; the backward pass is model-spec
// section 6. Everything is deterministic: the same bits for any number of threads and any level of recomputation.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "device/arena.h"
#include "device/backend.h"
#include "model/mixer.h"
#include "model/parameters.h"
#include "model/state.h"
#include "ops/linear_cross_entropy/linear_cross_entropy.h"
#include "ops/segment.h"

namespace saker {

// What is kept from the forward pass for the backward pass, per token and layer. With a the bytes of f32, and c those of
// an input of products (4 or, in bf16, 2):
//   none      all: a (d + 3 e + r + 4 n) + c (d + 2 e + r), plain Mamba a (2 n) less. Nothing is computed twice.
//   in_block  the layer's input, xz and the output of x_proj: a (d + 2 e + r + 2 n). Norms, convolution, dt_proj and scan
//             are computed twice; in_proj, x_proj and out_proj, which are nearly all of a large model's arithmetic,
//             are not.
//   full      the layer's input alone: a d. All but out_proj is computed twice.
// The memory of one layer beyond what is kept is needed once, whatever the number of layers.
enum class Recompute { none, in_block, full };

struct TrainingOptions {
  // Of the inputs of products: f32, bf16 (from f32 masters), or f64 for everything on the reference backend.
  DType dtype = DType::f32;
  Recompute recompute = Recompute::none;
  int64_t max_rows = 1024;  // tokens of a micro-batch
  int64_t max_slots = 0;    // sequences whose state is carried; 0 where every document starts from zero state
};

// Bytes, known before anything is allocated. The optimiser's moments come on top.
struct MemoryPlan {
  size_t values = 0, gradients = 0;  // of the parameters
  size_t rounded = 0;                // bf16 copies
  size_t kept = 0;                   // activations from the forward to the backward pass, and states before
  size_t working = 0;                // of one layer at a time, and of the head

  size_t total() const noexcept { return values + gradients + rounded + kept + working; }
};

// The loss of a micro-batch is scale * sum_t (nats[t] + z_loss lse[t]^2) over the rows with a label.
struct LossOptions {
  double scale = 1.0;
  double z_loss = 0.0;
};

class TrainingModel {
 public:
  // Copies the weights. Throws invalid_argument and unsupported for options that cannot be, out_of_memory.
  TrainingModel(const Weights& weights, const Backend& backend, const TrainingOptions& options);

  static MemoryPlan memory(const ModelConfig& config, const TrainingOptions& options);

  const ModelConfig& config() const noexcept { return parameters_.config(); }
  const TrainingOptions& options() const noexcept { return options_; }
  Stream& stream() noexcept { return stream_; }
  Parameters& parameters() noexcept { return parameters_; }
  const Parameters& parameters() const noexcept { return parameters_; }
  // Of states, gradients of states, nats and gradients: f32, or f64 if the model computes in f64.
  DType accumulation_dtype() const noexcept { return options_.dtype == DType::f64 ? DType::f64 : DType::f32; }

  // To be called after values changed: what is derived from them is computed again. `round`: the rounded copies as well
  // (adamw writes them by itself).
  void refresh(bool round = true);

  // One micro-batch of l <= max_rows tokens. `ids` and `labels` [l]: labels[t] is what row t predicts, an id or
  // kIgnoredLabel. `segments` cover the rows, one after the other; a segment without slot starts from zero state.
  // `state` (at most max_slots slots; empty tensors if no segment has a slot) holds the states before and afterwards
  // those after. Writes nats [l] (0 where the label is ignored), and adds the gradients of the loss to those of the
  // parameters.
  //
  // `dstate`, with the slots of `state`: the gradient of the loss in the states after, afterwards that in the states
  // before. Without it gradients end at the segments' borders (truncated back-propagation through time).
  //
  // Throws invalid_argument for ids, labels, segments or shapes that cannot be; nothing has changed then. Allocates
  // nothing once it has run with as many rows.
  void forward_backward(std::span<const int32_t> ids, std::span<const int32_t> labels, Segments segments,
                        StateView state, const LossOptions& loss, TensorView nats,
                        const std::optional<StateView>& dstate = std::nullopt);

  // The forward pass alone, with the same bits: nats [l] and the states after.
  void evaluate(std::span<const int32_t> ids, std::span<const int32_t> labels, Segments segments, StateView state,
                TensorView nats);

  // Of the last pass: the rows after the final norm [l, d], in options().dtype.
  ConstTensorView hidden() const noexcept { return hidden_; }
  // logits [m, v] of m hidden rows, as FalconMamba::head.
  void head(TensorView logits, ConstTensorView hidden);

 private:
  ModelConfig config_;
  TrainingOptions options_;
  Stream stream_;
  Parameters parameters_;
  ConstTensorView hidden_;
};

}  // namespace saker
