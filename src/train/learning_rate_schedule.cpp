#include "train/learning_rate_schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace saker {

namespace {

constexpr std::array<std::pair<DecayForm, std::string_view>, 4> kForms{{{DecayForm::exponential, "exponential"},
                                                                        {DecayForm::linear, "linear"},
                                                                        {DecayForm::one_minus_sqrt, "1-sqrt"},
                                                                        {DecayForm::cosine, "cosine"}}};

// The part of the peak that is left after the share x in [0, 1] of the decay.
double decayed(DecayForm form, double x, double final_ratio) {
  switch (form) {
    case DecayForm::exponential: return std::pow(final_ratio, x);
    case DecayForm::linear: return 1.0 - (1.0 - final_ratio) * x;
    case DecayForm::one_minus_sqrt: return 1.0 - (1.0 - final_ratio) * std::sqrt(x);
    case DecayForm::cosine: return final_ratio + (1.0 - final_ratio) * 0.5 * (1.0 + std::cos(std::numbers::pi * x));
  }
  return 1.0;
}

}  // namespace

std::string_view name(DecayForm form) noexcept {
  for (const auto& [known, text] : kForms)
    if (known == form) return text;
  return "";
}

std::optional<DecayForm> decay_form_from_name(std::string_view name) noexcept {
  for (const auto& [form, text] : kForms)
    if (text == name) return form;
  return std::nullopt;
}

double LearningRateSchedule::at(int64_t tokens) const noexcept {
  double rate = peak;
  if (tokens < warm_up_tokens) rate *= static_cast<double>(tokens) / static_cast<double>(warm_up_tokens);
  if (decay_tokens > 0 && tokens > decay_begin) {
    const double share = static_cast<double>(tokens - decay_begin) / static_cast<double>(decay_tokens);
    rate *= decayed(form, std::min(share, 1.0), final_ratio);
  }
  return rate;
}

}  // namespace saker
