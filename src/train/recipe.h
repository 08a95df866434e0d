// A training run as data. docs/training.md describes every key.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "data/mixture.h"
#include "model/checkpoint.h"
#include "model/training_model.h"
#include "train/batch_size_schedule.h"
#include "train/learning_rate_schedule.h"
#include "train/optimizer.h"
#include "train/recipe_tree.h"
#include "train/spike_guard.h"
#include "train/step_plan.h"

namespace saker {

struct ModelRecipe {
  ModelConfig config;
  InitScheme init = InitScheme::mamba;
  uint64_t seed = 0;
  std::filesystem::path weights;  // a model folder to start from instead; empty: initialised
  DType dtype = DType::f32;       // of the inputs of products: f32 or bf16
};

struct StageRecipe {
  std::string name;
  int64_t tokens = 0, context = 0;
  Mixture mixture;
};

// How documents become rows of `context` tokens.
enum class Packing { packed, carried };

struct DataRecipe {
  std::filesystem::path shards;     // folder made by saker data prepare
  std::filesystem::path tokenizer;  // must be the shards' own, if given
  Packing packing = Packing::packed;
  bool reset = true;                    // the state at the borders of documents
  int64_t long_document_tokens = 2048;  // long_share of a mixture counts documents of more
};

struct EvaluationRecipe {
  std::vector<std::filesystem::path> files;  // text or JSON Lines: a set each
  std::filesystem::path shards;              // folder made by saker data prepare; empty: that of the data
  std::vector<std::string> sources;          // of the shards: a set each; empty: all, of the data none
  int64_t every_tokens = 0, max_tokens = 0;  // of each source; 0: all
};

struct CheckpointRecipe {
  int64_t every_tokens = 0;
  int64_t keep = 2;           // newest ones; the one before the decay is kept besides
  bool asynchronous = true;   // written from a copy while training goes on
  bool export_model = false;  // model/ at every checkpoint, not only at the end
  DType export_dtype = DType::f32;
};

struct RunRecipe {
  uint64_t seed = 0;  // of the order of the data
  Recompute recompute = Recompute::none;
  bool f32_activations = false;    // on a GPU too, where they are bf16 otherwise if products are
  int64_t micro_batch_tokens = 0;  // 0: one row, or as many as fit 2,048 tokens
};

struct Recipe {
  std::string name;
  ModelRecipe model;
  DataRecipe data;
  std::vector<StageRecipe> stages;  // the decay, if any, is the last one
  bool decays = false;
  LearningRateSchedule rate;
  BatchSizeSchedule batch;
  OptimizerSettings optimizer;
  SpikeSettings spikes;
  EvaluationRecipe evaluation;
  CheckpointRecipe checkpoints;
  RunRecipe run;
  RecipeTree tree;  // what it was read from, overrides applied

  StepPlan plan() const;
};

// Reads a recipe file; paths within are relative to its folder. `overrides` are those of --set. Throws not_found,
// corrupt_data and invalid_argument naming file, line and key.
Recipe load_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides);
Recipe parse_recipe(std::string_view toml, const std::string& from, const std::filesystem::path& folder,
                    const std::vector<std::string>& overrides = {});

// The keys in which the numbers of runs of two recipes (their trees) would differ: all but paths, those of evaluation,
// checkpoints, run.recompute and run.activations. The last is a matter of where a run goes on, as the device is: on a
// GPU numbers after it differ to rounding.
std::vector<std::string> differing_keys(const nlohmann::json& a, const nlohmann::json& b);

}  // namespace saker
