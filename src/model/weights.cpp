#include "model/weights.h"

#include "core/error.h"

namespace saker {

namespace {

// A tensor of a layer: its name after "backbone.layers.N.", where it goes, its shape and role.
struct LayerTensor {
  const char* name;
  ConstTensorView LayerWeights::*view;
  Shape shape;
  TensorRole role;
};

std::vector<LayerTensor> layer_tensors(const ModelConfig& config) {
  const int64_t d = config.d_model, e = config.d_inner, n = config.d_state, k = config.d_conv, r = config.dt_rank;
  std::vector<LayerTensor> tensors;
  const auto add = [&](bool present, const char* name, ConstTensorView LayerWeights::*view, const Shape& shape,
                       TensorRole role) {
    if (present) tensors.push_back({name, view, shape, role});
  };
  using W = LayerWeights;
  add(true, "norm.weight", &W::norm, {d}, TensorRole::norm);
  add(true, "mixer.in_proj.weight", &W::in_proj, {2 * e, d}, TensorRole::linear);
  add(config.use_bias, "mixer.in_proj.bias", &W::in_proj_bias, {2 * e}, TensorRole::bias);
  add(true, "mixer.conv1d.weight", &W::conv1d, {e, 1, k}, TensorRole::conv);
  add(config.use_conv_bias, "mixer.conv1d.bias", &W::conv1d_bias, {e}, TensorRole::bias);
  add(true, "mixer.x_proj.weight", &W::x_proj, {r + 2 * n, e}, TensorRole::linear);
  add(true, "mixer.dt_proj.weight", &W::dt_proj, {e, r}, TensorRole::linear);
  add(true, "mixer.dt_proj.bias", &W::dt_proj_bias, {e}, TensorRole::dt_bias);
  add(true, "mixer.A_log", &W::A_log, {e, n}, TensorRole::A_log);
  add(true, "mixer.D", &W::D, {e}, TensorRole::D);
  add(true, "mixer.out_proj.weight", &W::out_proj, {d, e}, TensorRole::linear);
  add(config.use_bias, "mixer.out_proj.bias", &W::out_proj_bias, {d}, TensorRole::bias);
  return tensors;
}

// The one place that knows the order. `visit(spec, view member of weights)` by a function that finds the member.
template <class AnyWeights, class Visit>
void visit_all(const ModelConfig& config, AnyWeights& weights, const Visit& visit) {
  visit(TensorSpec{"backbone.embeddings.weight", {config.vocab_size, config.d_model}, TensorRole::embedding},
        weights.embeddings);
  const std::vector<LayerTensor> tensors = layer_tensors(config);
  for (int64_t layer = 0; layer < config.n_layer; ++layer)
    for (const LayerTensor& tensor : tensors)
      visit(TensorSpec{fmt::format("backbone.layers.{}.{}", layer, tensor.name), tensor.shape, tensor.role},
            weights.layers[static_cast<size_t>(layer)].*tensor.view);
  visit(TensorSpec{"backbone.norm_f.weight", {config.d_model}, TensorRole::norm}, weights.norm_f);
  if (!config.tied_embeddings)
    visit(TensorSpec{"lm_head.weight", {config.vocab_size, config.d_model}, TensorRole::linear}, weights.lm_head);
}

}  // namespace

std::vector<TensorSpec> tensor_specs(const ModelConfig& config) {
  Weights none;
  none.layers.resize(static_cast<size_t>(config.n_layer));
  std::vector<TensorSpec> specs;
  visit_all(config, none, [&](TensorSpec&& spec, ConstTensorView&) { specs.push_back(std::move(spec)); });
  return specs;
}

void for_each_tensor(const Weights& weights,
                     const std::function<void(const TensorSpec&, const ConstTensorView&)>& visit) {
  SAKER_ASSERT(static_cast<int64_t>(weights.layers.size()) == weights.config.n_layer);
  visit_all(weights.config, weights, visit);
}

void for_each_tensor(Weights& weights, const std::function<void(const TensorSpec&, ConstTensorView&)>& visit) {
  SAKER_ASSERT(static_cast<int64_t>(weights.layers.size()) == weights.config.n_layer);
  visit_all(weights.config, weights, visit);
}

}  // namespace saker
