#include "infer/log_probabilities.h"

#include <algorithm>
#include <numeric>

#include "ops/log_sum_exp/log_sum_exp.h"

namespace saker {

LogProbabilities::LogProbabilities(Stream& stream, std::span<const float> logits) : logits_(logits) {
  log_sum_exp(stream, {&normaliser_, DType::f32, {1, 1}},
              {logits.data(), DType::f32, {1, static_cast<int64_t>(logits.size())}});
}

std::vector<TokenLogProbability> LogProbabilities::top(int64_t count) const {
  std::vector<int32_t> all(logits_.size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<int32_t> best(std::min(static_cast<size_t>(count), all.size()));
  const auto precedes = [&](int32_t a, int32_t b) {
    const float x = logits_[static_cast<size_t>(a)], y = logits_[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::partial_sort_copy(all.begin(), all.end(), best.begin(), best.end(), precedes);
  std::vector<TokenLogProbability> out;
  for (const int32_t id : best) out.push_back({id, of(id)});
  return out;
}

}  // namespace saker
