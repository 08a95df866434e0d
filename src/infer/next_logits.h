// The logits [v] of a sequence's next token: where the model computes, and on the host when asked for.
#pragma once

#include <span>
#include <vector>

#include "model/falcon_mamba.h"

namespace saker {

class NextLogits {
 public:
  explicit NextLogits(const FalconMamba& model) : model_(&model) {}

  bool empty() const noexcept { return !there_; }
  void clear() noexcept { there_ = false; }

  // Feeds tokens that make new logits, as FalconMamba does.
  bool prefill(Workspace& workspace, std::span<const int32_t> ids, RecurrentState& state,
               const std::function<bool(int64_t)>& progress);
  void step(Workspace& workspace, int32_t id, RecurrentState& state);

  // Copies of logits that were made elsewhere; none: empty.
  void set(std::span<const float> logits);
  void set(const NextLogits& other);

  // [1, v] where the model computes; on a GPU behind the work of the workspace that made them.
  ConstTensorView view() const { return tensor_.view(); }
  // Valid until they change.
  std::span<const float> on_host(Workspace& workspace) const;

 private:
  TensorView row();

  const FalconMamba* model_;
  bool there_ = false;
  Tensor tensor_;                    // [1, v], made when first needed
  mutable std::vector<float> host_;  // of a GPU's; empty: not fetched
};

}  // namespace saker
