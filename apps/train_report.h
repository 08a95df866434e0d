// What saker train tells people: the plan before, a line while it runs.
#pragma once

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "train/estimate.h"
#include "train/step_result.h"

namespace saker::apps {

// What --dry-run is told beside the recipe.
struct DryRun {
  bool on_gpu = false;
  size_t card_bytes = 0;           // that are free on the GPU; 0: not known
  double tokens_per_second = 0.0;  // 0: no time is told
};
void print_estimate(const Recipe& recipe, const RunEstimate& estimate, const DryRun& dry_run);
nlohmann::ordered_json estimate_json(const Recipe& recipe, const RunEstimate& estimate, const DryRun& dry_run);

// The line of the run on a terminal; elsewhere only news appear.
class TrainingLine {
 public:
  // `product_rate` in FLOPs per second, 0 if it was not measured.
  TrainingLine(const RunEstimate& plan, double product_rate);
  TrainingLine(const TrainingLine&) = delete;
  ~TrainingLine();

  void update(const StepResult& result);
  void news(const std::string& line);
  void saved(const std::string& line);
  // Of all steps so far.
  double tokens_per_second() const noexcept { return seconds_ > 0.0 ? tokens_ / seconds_ : 0.0; }

 private:
  using Clock = std::chrono::steady_clock;

  void clear();

  int64_t steps_, all_tokens_;
  double flops_per_token_, product_rate_;
  bool terminal_, shown_ = false;
  double tokens_ = 0.0, seconds_ = 0.0;
  Clock::time_point last_{};
};

}  // namespace saker::apps
