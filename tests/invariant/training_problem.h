// Small training problems: a model whose every parameter matters, a batch, and what a pass makes of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "conformance/vectors.h"
#include "model/checkpoint.h"
#include "model/tiny_model.h"
#include "model/training_model.h"

namespace saker {

// Random weights without the zeros and ones of an initialisation.
inline Weights lively_weights(const ModelConfig& config, DType dtype, uint64_t seed = 11) {
  Parameters parameters(init_weights(config, seed, DType::f64, 1), dtype, /*rounded=*/false);
  uint64_t stream = 0;
  for (const Parameter& parameter : parameters.all()) {
    const Rng rng(seed, ++stream);
    for (int64_t i = 0; i < parameter.value.shape.elements(); ++i)
      store_element(parameter.value.data, dtype, i,
                    load_element(parameter.value.data, dtype, i) + 0.25 * rng.normal(static_cast<uint64_t>(i)));
  }
  return parameters.to_weights();
}

struct PassBatch {
  std::vector<int32_t> ids, labels;
  std::vector<Segment> segments;
  int64_t slots = 0;
  LossOptions loss;
  bool carries_gradients = false;  // states after have gradients, those before get theirs

  int64_t rows() const { return static_cast<int64_t>(ids.size()); }
};

// Documents of these lengths, one after the other, each predicting its next token; every seventh label is ignored.
// slots[i]: the state of document i, or kNoSlot.
inline PassBatch make_batch(const ModelConfig& config, const std::vector<int64_t>& lengths,
                            const std::vector<int64_t>& slots = {}, uint64_t seed = 5) {
  PassBatch batch;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const int64_t slot = slots.empty() ? kNoSlot : slots[i];
    batch.segments.push_back({batch.rows(), lengths[i], slot});
    batch.slots = std::max(batch.slots, slot + 1);
    const std::vector<int32_t> text = random_ids(config, lengths[i] + 1, seed + i);
    for (size_t t = 0; t + 1 < text.size(); ++t) {
      batch.labels.push_back(batch.labels.size() % 7 == 3 ? kIgnoredLabel : text[t + 1]);
      batch.ids.push_back(text[t]);
    }
  }
  return batch;
}

// Documents with and without carried state, gradients through them, in rows enough for every kernel.
inline PassBatch mixed_batch(const ModelConfig& config) {
  PassBatch batch = make_batch(config, {90, 1, 33, 40, 36}, {1, kNoSlot, 0, kNoSlot, 2});
  batch.loss = {1.0 / 150.0, 1e-3};
  batch.carries_gradients = true;
  return batch;
}

inline void fill_normal(TensorView view, uint64_t seed, double deviation) {
  const Rng rng(seed);
  for (int64_t i = 0; i < view.shape.elements(); ++i)
    store_element(view.data, view.dtype, i, deviation * rng.normal(static_cast<uint64_t>(i)));
}

inline StatePool random_states(const ModelConfig& config, int64_t slots, DType dtype, uint64_t seed, double deviation,
                               Place place = kHost) {
  StatePool pool(config, slots, dtype, place);
  for (const TensorView& view : {pool.view().conv, pool.view().ssm}) {
    Tensor made(dtype, view.shape);
    fill_normal(made.view(), seed++, deviation);
    copy_bytes(view.data, place, made.view().data, kHost, made.bytes());
  }
  return pool;
}

// What a pass writes, by name: nats, states, gradients of states and of parameters.
using Outputs = std::map<std::string, std::vector<double>>;

inline std::vector<double> values_of(const ConstTensorView& view, Place place = kHost) {
  return conformance::to_array(view, place).values;
}

inline Outputs gradients_of(const TrainingModel& model) {
  Outputs outputs;
  for (const Parameter& parameter : model.parameters().all())
    outputs[parameter.name] = values_of(parameter.gradient, model.parameters().place());
  return outputs;
}

// One pass from states and gradients of states that depend on the batch alone.
inline Outputs run_pass(TrainingModel& model, const PassBatch& batch) {
  const DType dtype = model.accumulation_dtype();
  const Place place = model.parameters().place();
  StatePool states = random_states(model.config(), batch.slots, dtype, 21, 0.5, place);
  StatePool dstates = random_states(model.config(), batch.slots, dtype, 31, 0.1, place);
  Tensor nats(dtype, {batch.rows()}, place);
  const std::optional<StateView> dstate = batch.carries_gradients ? std::optional(dstates.view()) : std::nullopt;
  model.zero_gradients();
  model.forward_backward(batch.ids, batch.labels, batch.segments, states.view(), batch.loss, nats.view(), dstate);
  Outputs outputs = gradients_of(model);
  model.stream().wait();
  outputs["nats"] = values_of(nats.view(), place);
  outputs["state.conv"] = values_of(states.view().conv, place);
  outputs["state.ssm"] = values_of(states.view().ssm, place);
  if (!dstate) return outputs;
  outputs["dstate.conv"] = values_of(dstates.view().conv, place);
  outputs["dstate.ssm"] = values_of(dstates.view().ssm, place);
  return outputs;
}

inline double largest(const std::vector<double>& values) {
  double largest = 0.0;
  for (double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

}  // namespace saker
