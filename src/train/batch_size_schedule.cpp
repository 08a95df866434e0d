#include "train/batch_size_schedule.h"

#include <algorithm>
#include <cmath>

namespace saker {

int64_t BatchSizeSchedule::rows(int64_t tokens, int64_t context) const noexcept {
  double size = static_cast<double>(to);
  if (tokens < ramp_tokens)
    size = static_cast<double>(from) +
           static_cast<double>(to - from) * static_cast<double>(tokens) / static_cast<double>(ramp_tokens);
  if (unit == Unit::tokens) size /= static_cast<double>(context);
  return std::max<int64_t>(1, std::llround(size));
}

double BatchSizeSchedule::learning_rate_factor(int64_t tokens, int64_t context) const noexcept {
  if (!scale_learning_rate) return 1.0;
  return std::sqrt(static_cast<double>(rows(tokens, context)) / full_rows(context));
}

double BatchSizeSchedule::full_rows(int64_t context) const noexcept {
  return static_cast<double>(rows(ramp_tokens, context));
}

}  // namespace saker
