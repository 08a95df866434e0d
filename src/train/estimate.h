// What a run will take, known before it starts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/token_dataset.h"
#include "train/recipe.h"

namespace saker {

struct ScheduleRow {
  int64_t step, tokens;  // of the step's end
  size_t stage;
  int64_t context, rows;
  double learning_rate;
  std::string what;  // "warm-up ends"
};

struct SourceTokens {
  std::string source;
  int64_t tokens;
  double epochs;  // passes over the source in this stage; 0: unknown
};

struct StageEstimate {
  std::string name;
  int64_t tokens, steps, context;
  std::vector<SourceTokens> sources;
};

struct RunEstimate {
  std::vector<ScheduleRow> schedule;  // where something changes
  std::vector<StageEstimate> stages;
  int64_t steps = 0, tokens = 0;
  MemoryPlan memory;
  size_t moment_bytes = 0;
  size_t lane_bytes = 0;         // states of carried sequences
  size_t snapshot_bytes = 0;     // what checkpoints are written from while training goes on
  double flops_per_token = 0.0;  // 6 per parameter that a token is multiplied with

  // Where the run computes; on the CPU with the copy for checkpoints, which a GPU's run has in (pinned) host memory.
  size_t device_bytes() const noexcept { return memory.total() + moment_bytes + lane_bytes; }
  size_t memory_bytes() const noexcept { return device_bytes() + snapshot_bytes; }
};

// Tokens of a micro-batch: whole rows of the longest context.
int64_t micro_batch_tokens(const Recipe& recipe);
TrainingOptions training_options(const Recipe& recipe, BackendKind on);
// Whether the run has checkpoints that training does not wait for: all but those at its end and before the decay.
bool writes_beside_training(const Recipe& recipe);

// The memory of a run on a GPU by option, as alternatives to what a recipe says.
struct MemoryChoice {
  MasterFormat masters;
  MomentFormat moments;
  Recompute recompute;
  size_t bytes;                // on the GPU, with the recipe's micro-batches
  int64_t micro_batch_tokens;  // the most that fit `card_bytes`, in whole rows of the longest context; 0: none
};
std::vector<MemoryChoice> memory_choices(const Recipe& recipe, size_t card_bytes);

// With `dataset` tokens by source are those that the batches will have, else as the weights say. Throws as ShardFeed
// does for a mixture that the dataset cannot give.
RunEstimate estimate(const Recipe& recipe, const TokenDataset* dataset = nullptr, BackendKind on = BackendKind::cpu);

}  // namespace saker
