#include "infer/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/error.h"
#include "core/rng.h"

namespace saker {

namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

}  // namespace

Sampler::Sampler(const SamplingParams& params, int64_t vocab_size) : params_(params) {
  params_.validate(vocab_size);
}

// Steps 1 to 3 of SamplingParams. The logits themselves where these do nothing.
std::span<const float> Sampler::penalised(std::span<const float> logits, const TokenHistory& history) {
  const bool repetition = params_.repetition_penalty != 1.0;
  const bool counts = params_.presence_penalty != 0.0 || params_.frequency_penalty != 0.0;
  if (params_.logit_bias.empty() && !repetition && !counts) return logits;
  scores_.assign(logits.begin(), logits.end());
  for (const auto& [id, bias] : params_.logit_bias) scores_[static_cast<size_t>(id)] += bias;
  if (!repetition && !counts) return scores_;
  const auto penalty = static_cast<float>(params_.repetition_penalty);
  for (const auto& [id, prompted, generated] : history.entries()) {
    float& score = scores_[static_cast<size_t>(id)];
    if (repetition) score = score < 0.0f ? score * penalty : score / penalty;
    if (generated > 0)
      score -=
          static_cast<float>(params_.presence_penalty + params_.frequency_penalty * static_cast<double>(generated));
  }
  return scores_;
}

// The id of the largest score, the lowest of equals.
int32_t Sampler::largest(std::span<const float> scores) const {
  float best = kMinusInfinity;
  bool nan = false;
  for (const float score : scores) {
    nan |= score != score;
    best = score > best ? score : best;
  }
  SAKER_CHECK(!nan && std::isfinite(best), ErrorCode::corrupt_data,
              "[sampling] expected finite logits, found {}; the weights may be damaged, or every token is forbidden",
              nan           ? "NaN"
              : best > 0.0f ? "infinity"
                            : "-infinity for every token");
  return static_cast<int32_t>(std::find(scores.begin(), scores.end(), best) - scores.begin());
}

// The score that top_k leaves as the smallest. A heap of k over one pass.
float Sampler::kth_largest(std::span<const float> scores) {
  if (params_.top_k == 0 || params_.top_k >= static_cast<int64_t>(scores.size())) return kMinusInfinity;
  largest_.resize(static_cast<size_t>(params_.top_k));
  std::partial_sort_copy(scores.begin(), scores.end(), largest_.begin(), largest_.end(), std::greater<>());
  return largest_.back();
}

// Steps 4 to 8. Every step keeps the candidates above a threshold, so they stay in the order of their ids and a draw
// does not depend on how a step sorts.
void Sampler::select(std::span<const float> scores) {
  const float most = scores[static_cast<size_t>(largest(scores))];
  const float least = kth_largest(scores);
  candidates_.clear();
  candidates_.reserve(scores.size());
  for (size_t id = 0; id < scores.size(); ++id) {
    if (scores[id] < least || scores[id] == kMinusInfinity) continue;
    // Of the difference, so that no temperature overflows.
    const double exponent = (static_cast<double>(scores[id]) - static_cast<double>(most)) / params_.temperature;
    candidates_.push_back({static_cast<int32_t>(id), scores[id], std::exp(exponent)});
  }
  if (params_.top_p < 1.0) keep_top_p();
  if (params_.min_p > 0.0) keep_min_p();
  if (params_.typical_p < 1.0) keep_typical();
}

double Sampler::total_weight() const noexcept {
  double total = 0.0;
  for (const Candidate& candidate : candidates_) total += candidate.weight;
  return total;
}

// A candidate stays if the mass of those before it is less than p. Of equals the higher id comes first: HF sorts
// ascending, stably, and cuts from below.
void Sampler::keep_top_p() {
  const double total = total_weight();
  const auto precedes = [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.id > b.id;
  };
  // All candidates below the mean of the mass to be cut off add up to less than it: they need no sorting.
  const double negligible = (1.0 - params_.top_p) * total / static_cast<double>(candidates_.size());
  order_.clear();
  order_.reserve(candidates_.capacity());  // the vocabulary: other tokens leave other numbers of candidates
  for (const Candidate& candidate : candidates_)
    if (candidate.weight >= negligible) order_.push_back(candidate);
  std::sort(order_.begin(), order_.end(), precedes);

  double before = 0.0;
  Candidate last = order_.front();
  for (const Candidate& candidate : order_) {
    if (before >= params_.top_p * total) break;
    last = candidate;
    before += candidate.weight;
  }
  std::erase_if(candidates_, [&](const Candidate& candidate) { return precedes(last, candidate); });
}

void Sampler::keep_min_p() {
  double most = 0.0;
  for (const Candidate& candidate : candidates_) most = std::max(most, candidate.weight);
  std::erase_if(candidates_, [&](const Candidate& candidate) { return candidate.weight < params_.min_p * most; });
}

// Locally typical sampling: Meister et al. 2023. Equal deviations stay or go together.
void Sampler::keep_typical() {
  const double total = total_weight(), log_total = std::log(total);
  double entropy = 0.0;
  const auto log_probability = [&](const Candidate& candidate) { return std::log(candidate.weight) - log_total; };
  for (const Candidate& candidate : candidates_)
    if (candidate.weight > 0.0) entropy -= candidate.weight / total * log_probability(candidate);
  const auto deviation = [&](const Candidate& candidate) { return std::abs(log_probability(candidate) + entropy); };

  const auto less_typical = [](const Deviation& a, const Deviation& b) { return a.value > b.value; };
  deviations_.clear();
  deviations_.reserve(candidates_.capacity());
  for (const Candidate& candidate : candidates_) deviations_.push_back({deviation(candidate), candidate.weight});
  std::make_heap(deviations_.begin(), deviations_.end(), less_typical);
  double limit = 0.0, mass = 0.0;
  for (auto end = deviations_.end(); end != deviations_.begin() && mass < params_.typical_p * total; --end) {
    std::pop_heap(deviations_.begin(), end, less_typical);
    limit = (end - 1)->value;
    mass += (end - 1)->weight;
  }
  std::erase_if(candidates_, [&](const Candidate& candidate) { return deviation(candidate) > limit; });
}

int32_t Sampler::sample(std::span<const float> logits, const TokenHistory& history, uint64_t sequence,
                        uint64_t position) {
  const std::span<const float> scores = penalised(logits, history);
  if (params_.temperature == 0.0) return largest(scores);
  select(scores);
  const double drawn = Rng(params_.seed, sequence).uniform(position) * total_weight();
  double mass = 0.0;
  for (const Candidate& candidate : candidates_) {
    mass += candidate.weight;
    if (drawn < mass) return candidate.id;
  }
  return candidates_.back().id;  // unreachable but for rounding: `drawn` is less than the total
}

bool Sampler::needs_logits_alone() const noexcept {
  return params_.logit_bias.empty() && params_.repetition_penalty == 1.0 && params_.presence_penalty == 0.0 &&
         params_.frequency_penalty == 0.0 && params_.typical_p == 1.0;
}

TokenChoice Sampler::choice(uint64_t sequence, uint64_t position) const noexcept {
  return {.drawn = Rng(params_.seed, sequence).uniform(position),
          .temperature = params_.temperature,
          .top_p = params_.top_p,
          .min_p = params_.min_p,
          .top_k = params_.top_k};
}

std::vector<double> Sampler::distribution(std::span<const float> logits, const TokenHistory& history) {
  std::vector<double> probabilities(logits.size(), 0.0);
  const std::span<const float> scores = penalised(logits, history);
  if (params_.temperature == 0.0) {
    probabilities[static_cast<size_t>(largest(scores))] = 1.0;
    return probabilities;
  }
  select(scores);
  const double total = total_weight();
  for (const Candidate& candidate : candidates_)
    probabilities[static_cast<size_t>(candidate.id)] = candidate.weight / total;
  return probabilities;
}

}  // namespace saker
