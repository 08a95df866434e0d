#include "train/step_plan.h"

#include <algorithm>

#include "core/error.h"

namespace saker {

StepPlan::StepPlan(const std::vector<StageSpan>& stages, bool decays, const LearningRateSchedule& rate,
                   const BatchSizeSchedule& batch, int64_t row_multiple)
    : rate_(rate), batch_(batch) {
  int64_t end = 0;
  for (const StageSpan& stage : stages) {
    SAKER_ASSERT(stage.tokens > 0 && stage.context > 0);
    contexts_.push_back(stage.context);
    const int64_t unit = stage.context * row_multiple;
    end += (stage.tokens + unit - 1) / unit * unit;
    ends_.push_back(end);
  }
  if (decays) {
    rate_.decay_begin = stage_begin(ends_.size() - 1);
    rate_.decay_tokens = end - rate_.decay_begin;
  }
}

std::optional<PlannedStep> StepPlan::at(int64_t tokens) const noexcept {
  const auto end = std::upper_bound(ends_.begin(), ends_.end(), tokens);
  if (end == ends_.end()) return std::nullopt;
  const auto stage = static_cast<size_t>(end - ends_.begin());
  const int64_t context = contexts_[stage];
  const int64_t rows = std::min(batch_.rows(tokens, context), (*end - tokens + context - 1) / context);
  const int64_t after = tokens + rows * context;
  return PlannedStep{stage,  context, rows,
                     tokens, after,   rate_.at(after) * batch_.learning_rate_factor(tokens, context)};
}

}  // namespace saker
