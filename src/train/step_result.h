// What one step of training did.
#pragma once

#include <cstdint>
#include <vector>

#include "train/spike_guard.h"
#include "train/step_plan.h"

namespace saker {

struct SourceLoss {
  double nats = 0.0;
  int64_t targets = 0;
};

struct StepResult {
  int64_t step = 0;  // counts from 1
  PlannedStep planned;
  SourceLoss all;
  std::vector<SourceLoss> sources;  // by the source's number in the data
  double gradient_norm = 0.0;
  Verdict verdict;
  bool skipped = false;  // the parameters are as they were
  double seconds = 0.0;

  // Mean nats per target. The terms of the z-loss are not in it.
  double loss() const noexcept { return all.targets > 0 ? all.nats / static_cast<double>(all.targets) : 0.0; }
  double tokens_per_second() const noexcept { return static_cast<double>(planned.tokens()) / seconds; }
};

}  // namespace saker
