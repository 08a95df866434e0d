// The probabilities that the model gives to tokens, before any setting of sampling.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "device/backend.h"

namespace saker {

struct TokenLogProbability {
  int32_t id;
  float log_probability;
};

// log p = logit - log(sum of e^logits), for logits [v].
class LogProbabilities {
 public:
  LogProbabilities(Stream& stream, std::span<const float> logits);

  float of(int32_t id) const noexcept { return logits_[static_cast<size_t>(id)] - normaliser_; }
  // The `count` most probable tokens (all if there are fewer), best first; of equals the lower id first.
  std::vector<TokenLogProbability> top(int64_t count) const;

 private:
  std::span<const float> logits_;
  float normaliser_ = 0.0f;
};

}  // namespace saker
