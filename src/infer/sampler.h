// From logits to the next token.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "infer/sampling_params.h"
#include "infer/token_history.h"
#include "ops/choose_tokens/choose_tokens.h"

namespace saker {

// Keeps scratch memory for one vocabulary and allocates nothing per token after the first. Not thread-safe.
class Sampler {
 public:
  // Throws invalid_argument as SamplingParams::validate does.
  Sampler(const SamplingParams& params, int64_t vocab_size);

  const SamplingParams& params() const noexcept { return params_; }

  // The next token, from logits [v]. The draw depends on nothing but the logits, the history, the seed and the two
  // numbers: which of several sequences this is, and how many tokens came before.
  // Throws corrupt_data if a logit is NaN or +infinity or if all are -infinity.
  int32_t sample(std::span<const float> logits, const TokenHistory& history, uint64_t sequence, uint64_t position);

  // Whether sample() does what choose_tokens (ops/choose_tokens) does with choice(): no setting needs the history, a
  // bias or typical_p.
  bool needs_logits_alone() const noexcept;
  TokenChoice choice(uint64_t sequence, uint64_t position) const noexcept;

  // The probabilities [v] that sample() draws from. Allocates them.
  std::vector<double> distribution(std::span<const float> logits, const TokenHistory& history);

 private:
  struct Candidate {
    int32_t id;
    float score;    // after the penalties, before the temperature
    double weight;  // e^((score - largest score) / temperature): the probability up to a factor
  };

  std::span<const float> penalised(std::span<const float> logits, const TokenHistory& history);
  int32_t largest(std::span<const float> scores) const;
  void select(std::span<const float> scores);
  float kth_largest(std::span<const float> scores);
  void keep_top_p();
  void keep_min_p();
  void keep_typical();
  double total_weight() const noexcept;

  SamplingParams params_;
  std::vector<float> scores_;          // [v]
  std::vector<float> largest_;         // [min(top_k, v)]
  std::vector<Candidate> candidates_;  // what is left, by ascending id
  std::vector<Candidate> order_;       // of top_p: what may be cut off, best first
  struct Deviation {
    double value;  // |information - entropy|
    double weight;
  };
  std::vector<Deviation> deviations_;  // of typical_p: a heap, the least on top
};

}  // namespace saker
