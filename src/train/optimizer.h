// AdamW over all parameters of a model. No decay on A_log, D, norms and biases (model-spec 5.1).
#pragma once

#include <vector>

#include "device/backend.h"
#include "device/buffer.h"
#include "model/parameters.h"

namespace saker {

struct OptimizerSettings {
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weight_decay = 0.1;
  double clip_norm = 1.0;  // of all gradients together; 0: no clipping
  double z_loss = 0.0;
};

bool decays(TensorRole role) noexcept;

class Optimizer {
 public:
  // Moments of zero. `parameters` must outlive this.
  Optimizer(Parameters& parameters, const OptimizerSettings& settings);

  // Of the gradients as they are, before clipping.
  double gradient_norm(Stream& stream);
  // One step with the gradients that gradient_norm saw last. The model's refresh() is up to the caller.
  void step(Stream& stream, double learning_rate);

  // Steps made: those that were skipped do not count.
  int64_t steps() const noexcept { return steps_; }
  void set_steps(int64_t steps) noexcept { steps_ = steps; }
  // Of parameter i of Parameters::all(), in the layout of computation.
  Tensor& moment1(size_t i) { return moments1_[i]; }
  Tensor& moment2(size_t i) { return moments2_[i]; }

  static size_t moment_bytes(const ModelConfig& config) { return 2 * Parameters::value_bytes(config, DType::f32); }

 private:
  Parameters& parameters_;
  OptimizerSettings settings_;
  std::vector<Tensor> moments1_, moments2_;
  Tensor squared_norm_;  // [1] f64
  int64_t steps_ = 0;
};

}  // namespace saker
