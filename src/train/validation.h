// How well the model in training predicts texts that it is not trained on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/state.h"
#include "model/training_model.h"

namespace saker {

struct ValidationSet {
  std::string name;
  std::vector<std::vector<int32_t>> documents;  // token ids; none is empty
};

struct ValidationScore {
  std::string name;
  int64_t documents = 0, tokens = 0;
  double nats = 0.0;

  double nats_per_token() const noexcept { return tokens > 0 ? nats / static_cast<double>(tokens) : 0.0; }
};

// As saker perplexity scores: each document whole, after one end-of-text token and from an empty state, every token
// predicted. Several documents share a pass; one longer than a pass carries its state along.
class Validation {
 public:
  // `model` has at least one slot.
  Validation(TrainingModel& model, int32_t end_of_text);

  ValidationScore score(const ValidationSet& set);

 private:
  void add(const std::vector<int32_t>& document, ValidationScore& score);
  void run(ValidationScore& score);

  TrainingModel& model_;
  int32_t end_of_text_;
  StatePool state_;  // of the document that does not fit a pass
  Tensor nats_;      // [rows of a pass]
  std::vector<int32_t> ids_, labels_;
  std::vector<Segment> segments_;
};

}  // namespace saker
