// AdamW over all parameters of a model. No decay on A_log, D, norms and biases (model-spec 5.1).
#pragma once

#include <string_view>
#include <vector>

#include "device/backend.h"
#include "device/buffer.h"
#include "model/parameters.h"
#include "ops/adamw/adamw_8bit.h"

namespace saker {

enum class MomentFormat { f32, eight_bit };
// "f32", "8-bit": as recipes say.
constexpr std::string_view name(MomentFormat format) noexcept {
  return format == MomentFormat::f32 ? "f32" : "8-bit";
}

struct OptimizerSettings {
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weight_decay = 0.1;
  double clip_norm = 1.0;  // of all gradients together; 0: no clipping
  double z_loss = 0.0;
  MomentFormat moments = MomentFormat::f32;
  MasterFormat masters = MasterFormat::f32;  // as the parameters have them
};

bool decays(TensorRole role) noexcept;
// Whether MomentFormat::eight_bit is for this tensor: embeddings and matrices, nearly all of a model. Not dt_proj, nor
// what is no matrix: a scan multiplies their errors from step to step, and they are few.
bool has_8bit_moments(std::string_view name, TensorRole role) noexcept;

// A moment of one parameter, in the layout of computation: f32, or codes (u8) of which blocks share exponents
// (ops/adamw/moment_code.h).
struct Moment {
  Tensor values;     // [...]
  Tensor exponents;  // [blocks] u8; empty for f32

  MomentView coded() noexcept { return {values.view(), exponents.view()}; }
};

class Optimizer {
 public:
  // Moments of zero, where the parameters lie. `parameters` must outlive this.
  Optimizer(Parameters& parameters, const OptimizerSettings& settings);

  // Of the gradients as they are, before clipping. Waits for the stream.
  double gradient_norm(Stream& stream);
  // One step with the gradients that gradient_norm saw last, clipped by their norm where it was computed. Waits for
  // nothing. The model's refresh() is up to the caller.
  void step(Stream& stream, double learning_rate);

  const OptimizerSettings& settings() const noexcept { return settings_; }
  // Steps made: those that were skipped do not count.
  int64_t steps() const noexcept { return steps_; }
  void set_steps(int64_t steps) noexcept { steps_ = steps; }
  // Of parameter i of Parameters::all(), where that lies.
  Moment& moment1(size_t i) { return moments1_[i]; }
  Moment& moment2(size_t i) { return moments2_[i]; }

  static size_t moment_bytes(const ModelConfig& config, MomentFormat format);
  // Of a split master in one piece, one parameter at a time, on the host.
  static size_t master_bytes(const ModelConfig& config, MasterFormat format, BackendKind on);

 private:
  AdamwArgs common(const Parameter& parameter, double learning_rate);

  Parameters& parameters_;
  OptimizerSettings settings_;
  std::vector<Moment> moments1_, moments2_;
  Tensor squared_norm_;              // [1] f64
  Buffer norm_on_host_;              // pinned; of a GPU
  std::vector<AdamwArgs> together_;  // of a step: tensors that are updated in one operation
  int64_t steps_ = 0;
};

}  // namespace saker
