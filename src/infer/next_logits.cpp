#include "infer/next_logits.h"

#include "device/gpu.h"

namespace saker {

TensorView NextLogits::row() {
  if (!tensor_) tensor_ = Tensor(DType::f32, {1, model_->config().vocab_size}, model_->backend().place());
  host_.clear();
  return tensor_.view();
}

bool NextLogits::prefill(Workspace& workspace, std::span<const int32_t> ids, RecurrentState& state,
                         const std::function<bool(int64_t)>& progress) {
  there_ = false;
  there_ = model_->prefill(workspace, ids, state, row(), progress);
  workspace.stream().wait();
  return there_;
}

void NextLogits::step(Workspace& workspace, int32_t id, RecurrentState& state) {
  there_ = false;
  model_->step(workspace, id, state, row());
  there_ = true;
}

void NextLogits::set(std::span<const float> logits) {
  there_ = !logits.empty();
  if (!there_) return;
  const TensorView to = row();
  copy_bytes(to.data, tensor_.place(), logits.data(), kHost, logits.size_bytes());
}

void NextLogits::set(const NextLogits& other) {
  there_ = other.there_;
  if (!there_) return;
  const TensorView to = row();
  copy_bytes(to.data, tensor_.place(), other.tensor_.view().data, other.tensor_.place(), other.tensor_.bytes());
}

std::span<const float> NextLogits::on_host(Workspace& workspace) const {
  const auto v = static_cast<size_t>(model_->config().vocab_size);
  if (!there_) return {};
  if (tensor_.place().on_host()) return {tensor_.view().as<float>(), v};
  if (host_.empty()) {
    host_.resize(v);
    workspace.stream().wait();
    copy_bytes(host_.data(), kHost, tensor_.view().data, tensor_.place(), v * sizeof(float));
  }
  return host_;
}

}  // namespace saker
