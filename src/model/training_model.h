// A model in training: loss and gradients of packed token sequences.
//
// The forward pass is that of inference (model/mixer.h), operation by operation; the backward pass is model-spec
// section 6. Everything is deterministic: the same bits for any number of threads and any level of recomputation.
//
// Tensors lie where the backend computes, parameters and states as well as nats; ids, labels and segments on the host,
// free to change when a call returns. On a GPU calls return when their work is queued on stream(): nothing in a pass
// waits.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "device/arena.h"
#include "device/backend.h"
#include "model/mixer_backward.h"
#include "model/parameters.h"
#include "model/state.h"
#include "model/training_activations.h"
#include "ops/linear_cross_entropy/linear_cross_entropy.h"
#include "ops/segment.h"

namespace saker {

// Bytes, known before anything is allocated. On the CPU `working` to a few per cent, as the library that multiplies has
// scratch of its own; machines without products in bf16 hold their inputs in f32, too. On a GPU (model/gpu_scratch.h)
// what CUDA takes for itself is not in it. The optimiser's moments come on top.
struct MemoryPlan {
  size_t values = 0, gradients = 0;  // of the parameters
  size_t rounded = 0;                // bf16 copies
  size_t kept = 0;                   // activations from the forward to the backward pass, and states before
  size_t working = 0;                // of one layer at a time, of the head, and of products

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

  static MemoryPlan memory(const ModelConfig& config, const TrainingOptions& options,
                           BackendKind kind = BackendKind::cpu);

  const ModelConfig& config() const noexcept { return parameters_.config(); }
  const TrainingOptions& options() const noexcept { return options_; }
  Stream& stream() noexcept { return stream_; }
  Parameters& parameters() noexcept { return parameters_; }
  const Parameters& parameters() const noexcept { return parameters_; }
  // Of states, gradients of states, nats and gradients: f32, or f64 if the model computes in f64.
  DType accumulation_dtype() const noexcept { return options_.dtype == DType::f64 ? DType::f64 : DType::f32; }

  // Before the first micro-batch of a step: gradients count as zero. Those of matrices hold what they held until then.
  void zero_gradients();
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
  // Throws invalid_argument for ids, labels, segments or shapes that cannot be; nothing has changed then. Its
  // memory does not grow once it has run with as many rows.
  void forward_backward(std::span<const int32_t> ids, std::span<const int32_t> labels, Segments segments,
                        StateView state, const LossOptions& loss, TensorView nats,
                        const std::optional<StateView>& dstate = std::nullopt);

  // The forward pass alone, with the same bits: nats [l] and the states after.
  void evaluate(std::span<const int32_t> ids, std::span<const int32_t> labels, Segments segments, StateView state,
                TensorView nats);

  // Of the last pass: the rows after the final norm [l, d], in options().dtype.
  ConstTensorView hidden() const noexcept { return at_.hidden; }
  // logits [m, v] of m hidden rows, as FalconMamba::head.
  void head(TensorView logits, ConstTensorView hidden);

 private:
  struct LayerTensors {
    MixerTensors values;
    ConstTensorView A_log;
    MixerGradients gradients;
  };

  void bind();
  void reserve();
  void check(std::span<const int32_t> ids, std::span<const int32_t> labels, Segments segments, const StateView& state,
             const TensorView& nats, const std::optional<StateView>& dstate) const;
  void forward(std::span<const int32_t> ids, Segments segments, const StateView& state);
  void backward(std::span<const int32_t> ids, Segments segments, const std::optional<StateView>& dstate);
  void rebuild(int64_t layer, Segments segments);

  TrainingOptions options_;
  Stream stream_;
  Parameters parameters_;
  Tensor A_;  // [p, n, e]: -exp(A_log)
  Arena arena_;
  TrainingActivations at_;
  bool first_pass_ = false;  // the next one, since zero_gradients()
  ConstTensorView embeddings_, norm_f_, lm_head_;
  TensorView dembeddings_, dnorm_f_, dlm_head_;
  std::vector<LayerTensors> layers_;
};

}  // namespace saker
