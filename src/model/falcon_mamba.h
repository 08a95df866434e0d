// Falcon Mamba: token ids and recurrent states in, logits and advanced states out.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "device/arena.h"
#include "device/backend.h"
#include "model/config.h"
#include "model/mixer.h"
#include "model/state.h"
#include "model/weights.h"
#include "ops/segment.h"

namespace saker {

class FalconMamba;

// What one caller needs to run a model: a stream and activations for up to `max_rows` tokens at once. Sized once.
// Several workspaces may use one model at the same time.
class Workspace {
 public:
  static constexpr int64_t kDefaultRows = 512;
  // Rows that fill what computes: kDefaultRows on the CPU, more on a GPU.
  static int64_t default_rows(const Backend& backend) noexcept;

  explicit Workspace(const FalconMamba& model) : Workspace(model, default_rows_of(model)) {}
  Workspace(const FalconMamba& model, int64_t max_rows);

  int64_t max_rows() const noexcept { return max_rows_; }
  size_t bytes() const noexcept { return arena_.bytes(); }
  // The queue that the model's work is put on; on a GPU results are there after its wait().
  Stream& stream() noexcept { return stream_; }

 private:
  friend class FalconMamba;

  // A decode step as a graph, for a number of sequences and the states that it advances.
  struct RecordedStep {
    int64_t rows = 0, slots = 0;
    const void *conv = nullptr, *ssm = nullptr;
    uint64_t last_used = 0;
    GpuStream::Graph graph;  // recorded the second time
  };
  static constexpr size_t kRecordedSteps = 32;

  static int64_t default_rows_of(const FalconMamba& model) noexcept;
  RecordedStep& recorded_step(int64_t rows, const StateView& state);

  Stream stream_;
  Arena arena_;
  int64_t max_rows_;
  std::vector<Segment> segments_;  // capacity max_rows, of a step
  // Of steps on a GPU.
  std::vector<int32_t> ids_;
  Tensor logits_;       // [rows of the largest step so far, v]
  Buffer host_logits_;  // [v], pinned
  std::vector<RecordedStep> steps_;
  uint64_t uses_ = 0;
};

// Immutable after construction, so that any number of workspaces can share it.
//
// Tensors that go in and out, states among them, lie where the backend computes; spans lie on the host. On a GPU what
// is put into a tensor is there after the workspace's stream().wait(), and spans are filled when a call returns.
class FalconMamba {
 public:
  // `dtype` is how matrices are held and multiplied (default: as the checkpoint's in_proj is stored); those stored
  // otherwise, and those worth copying (model/preparation.h), are copied into memory of our own, and the files are let
  // go. Small tensors are held in f32. f64, on the reference backend only, computes everything in f64. q8, q4 and
  // fp8 round the matrices (ops/quantize/quantize.h) and multiply them with bf16: for decoding on a GPU, and fp8 for
  // prompts too. x_proj and dt_proj of fp8 are q8, dt_proj of q4, too (model/preparation.h).
  FalconMamba(const Weights& weights, const Backend& backend, std::optional<DType> dtype = std::nullopt);

  const ModelConfig& config() const noexcept { return config_; }
  const Backend& backend() const noexcept { return backend_; }
  // Of the inputs of products; and how matrices are held, which is the same unless it is q8, q4 or fp8.
  DType dtype() const noexcept { return dtype_; }
  DType weights_dtype() const noexcept { return weights_dtype_; }
  // Differs between models: a hash of the configuration and of the norms' and step sizes' values. State files carry it.
  uint64_t fingerprint() const noexcept { return fingerprint_; }
  // An empty state for one sequence of this model.
  RecurrentState new_state() const { return RecurrentState(config_, accumulation_dtype(), backend_.place()); }
  StatePool new_states(int64_t slots) const { return {config_, slots, accumulation_dtype(), backend_.place()}; }

  // Sees the residual stream [l, d] f32 after layer `layer`.
  using LayerObserver = std::function<void(int64_t layer, ConstTensorView residual)>;

  // Advances the states of `segments` by ids [l] (l <= max_rows) and returns the hidden rows [l, d] after the final
  // norm, in dtype(), valid until the workspace's next use. Throws invalid_argument for ids outside the vocabulary, and
  // for segments that overlap, leave rows out of order or share a slot; states are untouched then.
  ConstTensorView forward(Workspace& workspace, std::span<const int32_t> ids, Segments segments, StateView state,
                          const LayerObserver& observer = {}) const;

  // logits [m, v] f32 of m hidden rows.
  void head(Workspace& workspace, TensorView logits, ConstTensorView hidden) const;

  // Feeds ids of any number to one sequence, max_rows at a time in constant memory; logits [1, v] after the last one
  // (empty: not computed). `progress(tokens done)` after each chunk; returning false stops there: the state has then
  // seen that many tokens, the logits are not written, and the result is false.
  bool prefill(Workspace& workspace, std::span<const int32_t> ids, RecurrentState& state, TensorView logits,
               const std::function<bool(int64_t)>& progress = {}) const;
  bool prefill(Workspace& workspace, std::span<const int32_t> ids, RecurrentState& state, std::span<float> logits,
               const std::function<bool(int64_t)>& progress = {}) const;

  // One token for each of b <= max_rows sequences: ids [b], the slot of each, logits [b, v].
  void step(Workspace& workspace, std::span<const int32_t> ids, std::span<const int64_t> slots, StateView state,
            TensorView logits) const;
  void step(Workspace& workspace, int32_t id, RecurrentState& state, TensorView logits) const;
  void step(Workspace& workspace, int32_t id, RecurrentState& state, std::span<float> logits) const;

 private:
  friend class Workspace;

  struct Activations;

  // Of everything that is not the input of a matrix product.
  DType accumulation_dtype() const noexcept { return dtype_ == DType::f64 ? DType::f64 : DType::f32; }
  // Of x, z and the step size, which products hand on.
  DType handed_on_dtype() const noexcept;
  void check_ids(std::span<const int32_t> ids) const;

  ConstTensorView compute(Workspace& workspace, std::span<const int32_t> ids, Segments segments, StateView state,
                          const LayerObserver& observer) const;
  void step_on_gpu(Workspace& workspace, std::span<const int32_t> ids, StateView state, TensorView logits) const;
  void stage(Workspace& workspace, std::span<const int32_t> ids, Segments segments) const;
  TensorView step_logits(Workspace& workspace, int64_t rows) const;
  TensorView logits_row(Workspace& workspace, std::span<float> logits) const;
  void fetch_logits(Workspace& workspace, std::span<float> logits) const;

  Activations activations(Workspace& workspace, int64_t rows) const;
  size_t activation_bytes(int64_t rows) const;

  ModelConfig config_;
  Backend backend_;
  DType weights_dtype_, dtype_;
  uint64_t fingerprint_ = 0;
  ConstTensorView embeddings_, norm_f_, lm_head_;
  std::vector<MixerTensors> layers_;
  std::vector<Arena> owned_;                          // copied, converted and transposed weights
  std::vector<std::shared_ptr<const void>> storage_;  // the mapped files
};

}  // namespace saker
