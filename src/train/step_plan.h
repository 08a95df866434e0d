// Which steps a run makes: a pure function of the recipe and of the tokens seen.
//
// A stage has its tokens rounded up to whole rows of its context (whole steps where rows are carried on). A step has
// the rows that the batch schedule asks for at its first token; the last step of a stage has those that are left, so
// that no step crosses a border.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "train/batch_size_schedule.h"
#include "train/learning_rate_schedule.h"

namespace saker {

struct StageSpan {
  int64_t tokens, context;
};

struct PlannedStep {
  size_t stage;
  int64_t context, rows;
  int64_t tokens_before, tokens_after;
  double learning_rate;

  int64_t tokens() const noexcept { return tokens_after - tokens_before; }
};

class StepPlan {
 public:
  // `stages` in their order, all extents positive. With `decays` the last one is the decay: `rate` then gets its begin
  // and its tokens. The rows of every step are a multiple of `row_multiple`, if the batch schedule's are.
  StepPlan(const std::vector<StageSpan>& stages, bool decays, const LearningRateSchedule& rate,
           const BatchSizeSchedule& batch, int64_t row_multiple = 1);

  // The step after `tokens`; none at the end.
  std::optional<PlannedStep> at(int64_t tokens) const noexcept;
  int64_t stage_begin(size_t stage) const noexcept { return stage == 0 ? 0 : ends_[stage - 1]; }
  int64_t stage_end(size_t stage) const noexcept { return ends_[stage]; }
  size_t stages() const noexcept { return ends_.size(); }
  int64_t tokens() const noexcept { return ends_.empty() ? 0 : ends_.back(); }
  // Where the decay begins, -1 without one.
  int64_t decay_begin() const noexcept { return rate_.decay_tokens > 0 ? rate_.decay_begin : -1; }
  const LearningRateSchedule& rate() const noexcept { return rate_; }
  const BatchSizeSchedule& batch() const noexcept { return batch_; }

 private:
  std::vector<int64_t> contexts_, ends_;  // of each stage
  LearningRateSchedule rate_;
  BatchSizeSchedule batch_;
};

// Whether something that is done every `every` tokens (0: never) is due after the step.
inline bool is_due(int64_t every, const PlannedStep& step) noexcept {
  return every > 0 && step.tokens_after / every > step.tokens_before / every;
}

}  // namespace saker
