// The loop of training.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "train/batch_ahead.h"
#include "train/checkpoint_writer.h"
#include "train/metrics_log.h"
#include "train/micro_batch.h"
#include "train/run_folder.h"
#include "train/run_start.h"
#include "train/step_nats.h"
#include "train/step_result.h"
#include "train/training_state.h"
#include "train/validation.h"

namespace saker {

struct TrainerSettings {
  std::filesystem::path out;
  RunStart start;
  Backend backend;
  std::string version;        // of the program, for checkpoints
  double product_rate = 0.0;  // FLOPs per second that products reach here, for the share in the log; 0: unknown
  std::vector<ValidationSet> validation;
  // Asked after every step: true ends the run with a checkpoint.
  std::function<bool()> stop = [] { return false; };
  std::function<void(const StepResult&)> on_step = [](const StepResult&) {};
  // Lines for people: of evaluations and bad steps, and of files that were written.
  std::function<void(const std::string&)> on_news = [](const std::string&) {};
  std::function<void(const std::string&)> on_saved = [](const std::string&) {};
  // Before the first byte of a checkpoint, on the thread that writes it.
  std::function<void(const std::filesystem::path&)> on_writing = [](const std::filesystem::path&) {};
};

class Trainer {
 public:
  // Opens the run's folder, and loads or initialises everything. Throws what those throw;
  // invalid_argument if the checkpoint is one of another recipe or model.
  Trainer(Recipe recipe, std::unique_ptr<DataFeed> data, TrainerSettings settings);
  Trainer(const Trainer&) = delete;

  // Trains to the end of the recipe, or until asked to stop; false then. Throws io if a checkpoint or the log cannot be
  // written, at the latest by the next checkpoint or the end; invalid_argument if too many steps in a row have no
  // finite loss. Checkpoints are as they were.
  bool run();

  const Progress& progress() const noexcept { return progress_; }
  const StepPlan& plan() const noexcept { return plan_; }
  const std::vector<ValidationScore>& scores() const noexcept { return scores_; }  // the last ones
  // XXH3 of all parameters: equal for runs that are equal.
  uint64_t fingerprint() const;

 private:
  enum class Saving { now, beside_training };

  void load_run(const std::filesystem::path& checkpoint);
  void continue_data(const nlohmann::json& position);
  StepResult make_step(const PlannedStep& planned);
  void accumulate(const Batch& batch);
  void draw_next(const PlannedStep& planned);
  void apply(const Batch& batch, StepResult& result);
  void after_step(const StepResult& result);
  TrainingState state();
  void save(const std::filesystem::path& folder, Saving saving);
  void write(const std::filesystem::path& folder, const TrainingState& state) const;
  void evaluate(const StepResult& result);
  void export_model(const TrainingState& state) const;
  void log_step(const StepResult& result);
  void log_bad_step(const Batch& batch, const StepResult& result);

  Recipe recipe_;
  TrainerSettings settings_;
  StepPlan plan_;
  RunFolder folder_;
  BatchAhead data_;
  Progress progress_;
  std::filesystem::path checkpoint_;  // that the run begins from, if any
  TrainingModel model_;
  Optimizer optimizer_;
  SpikeGuard guard_;
  std::optional<Lanes> lanes_;
  Validation validation_;
  std::optional<MetricsLog> log_;
  std::string tokenizer_;  // tokenizer.json of the data
  StepNats nats_;
  std::vector<ValidationScore> scores_;
  CheckpointWriter writer_;  // last: what it reads outlives it
};

}  // namespace saker
