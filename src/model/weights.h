// The weights of a model in checkpoint form: names, shapes and types as in the files.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "device/place.h"
#include "device/tensor.h"
#include "model/config.h"

namespace saker {

// What a tensor is for: decides its initialisation, whether it decays, and whether it is quantised.
enum class TensorRole { embedding, linear, conv, bias, dt_bias, norm, A_log, D };

struct TensorSpec {
  std::string name;  // backbone.layers.3.mixer.in_proj.weight
  Shape shape;
  TensorRole role;
};

// All tensors of a checkpoint in file order: embeddings, layers, final norm, head (absent when tied).
std::vector<TensorSpec> tensor_specs(const ModelConfig& config);

struct LayerWeights {
  ConstTensorView norm;           // [d]
  ConstTensorView in_proj;        // [2e, d]: rows [0, e) give x, the rest z
  ConstTensorView in_proj_bias;   // [2e] or empty
  ConstTensorView conv1d;         // [e, 1, k]: tap k - 1 meets the current token
  ConstTensorView conv1d_bias;    // [e] or empty
  ConstTensorView x_proj;         // [r + 2n, e]: rows dt, B, C
  ConstTensorView dt_proj;        // [e, r]
  ConstTensorView dt_proj_bias;   // [e]
  ConstTensorView A_log;          // [e, n]
  ConstTensorView D;              // [e]
  ConstTensorView out_proj;       // [d, e]
  ConstTensorView out_proj_bias;  // [d] or empty
};

// Views into memory that `storage` keeps alive (mapped files or buffers). Copying shares the storage.
struct Weights {
  ModelConfig config;
  ConstTensorView embeddings;  // [v, d]
  std::vector<LayerWeights> layers;
  ConstTensorView norm_f;   // [d]
  ConstTensorView lm_head;  // [v, d]; the embeddings when tied
  std::vector<std::shared_ptr<const void>> storage;
  bool mapped = false;  // the storage is mapped files
  Place matrices_at{};  // where embeddings and matrices lie; everything else lies on the host
};

// Visits every tensor of tensor_specs(weights.config), once and in that order.
void for_each_tensor(const Weights& weights,
                     const std::function<void(const TensorSpec&, const ConstTensorView&)>& visit);
void for_each_tensor(Weights& weights, const std::function<void(const TensorSpec&, ConstTensorView&)>& visit);

}  // namespace saker
