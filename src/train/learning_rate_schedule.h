// Warm-up, stable phase and decay as a pure function of the tokens seen. docs/training.md has the formulas.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace saker {

enum class DecayForm { exponential, linear, one_minus_sqrt, cosine };

// "exponential", "linear", "1-sqrt", "cosine"
std::string_view name(DecayForm form) noexcept;
std::optional<DecayForm> decay_form_from_name(std::string_view name) noexcept;

struct LearningRateSchedule {
  double peak = 0.0;
  int64_t warm_up_tokens = 0;  // linear from 0
  int64_t decay_begin = 0;
  int64_t decay_tokens = 0;  // 0: no decay
  DecayForm form = DecayForm::exponential;
  double final_ratio = 1.0;  // of the peak, in (0, 1]

  // For the step that ends at `tokens`: the step that ends the warm-up has the peak, the last one of the decay the
  // final ratio.
  double at(int64_t tokens) const noexcept;
};

}  // namespace saker
