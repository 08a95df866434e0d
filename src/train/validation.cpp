#include "train/validation.h"

#include <algorithm>

#include "device/on_host.h"

namespace saker {

Validation::Validation(TrainingModel& model, int32_t end_of_text)
    : model_(model),
      end_of_text_(end_of_text),
      state_(model.config(), 1, model.accumulation_dtype(), model.stream().backend().place()),
      nats_(model.accumulation_dtype(), {model.options().max_rows}, state_.place()) {}

ValidationScore Validation::score(const ValidationSet& set) {
  ValidationScore score{set.name, 0, 0, 0.0};
  for (const std::vector<int32_t>& document : set.documents) add(document, score);
  run(score);
  return score;
}

// Cuts the document where passes end. Token t is predicted from the one before.
void Validation::add(const std::vector<int32_t>& document, ValidationScore& score) {
  const int64_t length = static_cast<int64_t>(document.size()), rows = model_.options().max_rows;
  ++score.documents;
  score.tokens += length;
  if (static_cast<int64_t>(ids_.size()) + length > rows) run(score);
  const bool fits = length <= rows;
  if (!fits) state_.reset(model_.stream(), 0, 1);
  for (int64_t begin = 0; begin < length; begin += rows) {
    const int64_t count = std::min(rows, length - begin);
    segments_.push_back({static_cast<int64_t>(ids_.size()), count, fits ? kNoSlot : 0});
    for (int64_t t = begin; t < begin + count; ++t) {
      ids_.push_back(t == 0 ? end_of_text_ : document[static_cast<size_t>(t - 1)]);
      labels_.push_back(document[static_cast<size_t>(t)]);
    }
    if (!fits) run(score);
  }
}

void Validation::run(ValidationScore& score) {
  if (ids_.empty()) return;
  const TensorView nats(nats_.view().data, nats_.view().dtype, {static_cast<int64_t>(ids_.size())});
  model_.evaluate(ids_, labels_, segments_, state_.view(), nats);
  const OnHost nats_on_host(nats, model_.stream());
  const ConstTensorView values = nats_on_host.view();
  for (int64_t i = 0; i < values.shape[0]; ++i) score.nats += load_element(values.data, values.dtype, i);
  ids_.clear();
  labels_.clear();
  segments_.clear();
}

}  // namespace saker
