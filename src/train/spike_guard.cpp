#include "train/spike_guard.h"

#include <cmath>

namespace saker {

namespace {

// How many standard deviations `value` is above the mean; 0 for a window that is not full or does not vary.
double z_score(const std::deque<double>& window, size_t full, double value) {
  if (window.size() < full) return 0.0;
  double mean = 0.0, variance = 0.0;
  for (const double x : window) mean += x / static_cast<double>(window.size());
  for (const double x : window) variance += (x - mean) * (x - mean) / static_cast<double>(window.size());
  return variance > 0.0 ? (value - mean) / std::sqrt(variance) : 0.0;
}

void remember(std::deque<double>& window, size_t full, double value) {
  window.push_back(value);
  if (window.size() > full) window.pop_front();
}

}  // namespace

Verdict SpikeGuard::judge(double loss, double gradient_norm) {
  Verdict verdict;
  const auto window = static_cast<size_t>(settings_.window);
  if (!std::isfinite(loss) || !std::isfinite(gradient_norm)) {
    verdict.kind = Verdict::Kind::not_finite;
  } else if (settings_.z_score > 0.0) {
    verdict.loss_z = z_score(state_.losses, window, loss);
    verdict.norm_z = z_score(state_.norms, window, gradient_norm);
    if (std::fmax(verdict.loss_z, verdict.norm_z) > settings_.z_score) verdict.kind = Verdict::Kind::spike;
  }
  if (verdict.kind == Verdict::Kind::spike && state_.bad_in_a_row >= settings_.max_in_a_row) {
    forget();
    verdict.kind = Verdict::Kind::normal;
  }
  if (verdict.kind == Verdict::Kind::normal) {
    state_.bad_in_a_row = 0;
    remember(state_.losses, window, loss);
    remember(state_.norms, window, gradient_norm);
  } else {
    ++state_.bad_in_a_row;
  }
  return verdict;
}

void SpikeGuard::forget() {
  state_.losses.clear();
  state_.norms.clear();
}

}  // namespace saker
