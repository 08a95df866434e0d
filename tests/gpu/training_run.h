// Short runs of small models by a recipe, on any backend.
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "train/formula_feed.h"
#include "train/trainer.h"

namespace saker {

// The kernels for any sizes; those for 16 states and groups of 64 channels, and convolutions of 4 taps in vectors.
enum class RunSize { tiny, wide };

inline std::string recipe_text(RunSize size) {
  return fmt::format(R"(
[model]
vocab_size = {}
hidden_size = {}
num_hidden_layers = 2
state_size = {}
eos_token_id = 0
seed = 3
[data]
shards = "shards"
[[stages]]
name = "first"
tokens = 1_200
context = 24
mixture = {{ threes = 1, sevens = 1 }}
[decay]
tokens = 1_200
context = 24
final_ratio = 0.05
mixture = {{ threes = 1, sevens = 1 }}
[schedule]
learning_rate = 1e-2
warm_up = "240"
batch = {{ from = 5, to = 5 }}
[run]
micro_batch_tokens = 48
)",
                     size == RunSize::tiny ? 61 : 512, size == RunSize::tiny ? 20 : 64, size == RunSize::tiny ? 4 : 16);
}

struct RunChoice {
  Backend backend;
  RunSize size = RunSize::tiny;
  std::vector<std::string> overrides = {};
  RunStart start = {};
  int64_t stop_after = -1;  // steps of this process
  int64_t document_tokens = 0;
  std::function<void(int64_t)> on_step = [](int64_t) {};
};

struct RunOutcome {
  uint64_t fingerprint = 0;
  Progress progress;
  std::vector<double> losses, norms;  // of this process' steps
  std::vector<ValidationScore> scores;
};

inline RunOutcome run_recipe(const std::filesystem::path& out, const RunChoice& choice) {
  const Recipe recipe = parse_recipe(recipe_text(choice.size), "test.toml", "", choice.overrides);
  RunOutcome outcome;
  TrainerSettings settings;
  settings.out = out;
  settings.start = choice.start;
  settings.backend = choice.backend;
  settings.version = "test";
  settings.validation = {{"held-out", {{1, 4, 13, 40, 60}, std::vector<int32_t>(150, 7)}}};
  settings.stop = [&] { return static_cast<int64_t>(outcome.losses.size()) == choice.stop_after; };
  settings.on_step = [&](const StepResult& result) {
    outcome.losses.push_back(result.loss());
    outcome.norms.push_back(result.gradient_norm);
    choice.on_step(result.step);
  };
  Trainer trainer(recipe, std::make_unique<FormulaFeed>(recipe, choice.document_tokens), std::move(settings));
  trainer.run();
  outcome.fingerprint = trainer.fingerprint();
  outcome.progress = trainer.progress();
  outcome.scores = trainer.scores();
  return outcome;
}

}  // namespace saker
