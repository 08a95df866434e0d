#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "ops/choose_tokens/choose_tokens.h"

namespace saker::reference {

namespace {

int32_t choose(const float* x, int64_t v, const TokenChoice& choice) {
  constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
  if (std::any_of(x, x + v, [](float value) { return std::isnan(value); })) return static_cast<int32_t>(NoToken::nan);
  const auto best = static_cast<int32_t>(std::max_element(x, x + v) - x);
  if (x[best] == kMinusInfinity) return static_cast<int32_t>(NoToken::nothing);
  if (std::isinf(x[best])) return static_cast<int32_t>(NoToken::infinity);
  if (choice.temperature == 0.0) return best;

  // Best first; of equals the higher id.
  std::vector<int32_t> order(static_cast<size_t>(v));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return x[a] != x[b] ? x[a] > x[b] : a > b; });
  std::vector<double> weights(order.size());
  const auto k = choice.top_k == 0 ? v : std::min(choice.top_k, v);
  const float least = x[order[static_cast<size_t>(k - 1)]];
  double total = 0.0;
  for (const int32_t id : order)
    if (x[id] >= least) {
      weights[static_cast<size_t>(id)] =
          std::exp((static_cast<double>(x[id]) - static_cast<double>(x[best])) / choice.temperature);
      total += weights[static_cast<size_t>(id)];
    }
  double before = 0.0;
  for (const int32_t id : order) {
    double& weight = weights[static_cast<size_t>(id)];
    const double own = weight;
    if ((choice.top_p < 1.0 && before >= choice.top_p * total) || own < choice.min_p) weight = 0.0;
    before += own;
  }
  const double drawn = choice.drawn * std::accumulate(weights.begin(), weights.end(), 0.0);
  double mass = 0.0;
  int32_t last = best;
  for (int32_t id = 0; id < v; ++id) {
    if (weights[static_cast<size_t>(id)] == 0.0) continue;
    mass += weights[static_cast<size_t>(id)];
    last = id;
    if (drawn < mass) break;
  }
  return last;
}

}  // namespace

void choose_tokens(Stream&, const ChooseTokensArgs& args) {
  for (size_t row = 0; row < args.ids.size(); ++row)
    args.ids[row] = choose(args.logits.as<float>() + args.logits.offset(static_cast<int64_t>(row)),
                           args.logits.columns(), args.choices[row]);
}

}  // namespace saker::reference
