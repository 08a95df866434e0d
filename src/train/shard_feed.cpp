#include "train/shard_feed.h"

#include <algorithm>

#include "core/error.h"
#include "io/read_file.h"

namespace saker {

namespace {

void expect_tokens_of_model(const Manifest& manifest, const ModelConfig& config) {
  SAKER_CHECK(manifest.vocab_size <= config.vocab_size, ErrorCode::invalid_argument,
              "[train] expected shards with at most {} tokens, the model's vocabulary, found a tokenizer of {}",
              config.vocab_size, manifest.vocab_size);
  const std::vector<int32_t>& ends = config.eos_token_ids;
  SAKER_CHECK(std::find(ends.begin(), ends.end(), manifest.end_of_text) != ends.end(), ErrorCode::invalid_argument,
              "[train] the shards end texts with token {}, the model with {}: set model.eos_token_id",
              manifest.end_of_text, ends.empty() ? "none" : fmt::format("{}", fmt::join(ends, ", ")));
}

}  // namespace

ShardFeed::ShardFeed(const Recipe& recipe)
    : stages_(recipe.stages),
      dataset_(recipe.data.shards),
      loader_(dataset_, recipe.run.seed, recipe.data.packing == Packing::carried) {
  expect_tokens_of_model(dataset_.manifest(), recipe.model.config);
  if (!recipe.data.tokenizer.empty())
    dataset_.expect_tokenizer(read_file(recipe.data.tokenizer), recipe.data.tokenizer.string());
  plan_stages(dataset_, recipe);
  for (const SourceEntry& source : dataset_.manifest().sources) names_.push_back(source.name);
}

void ShardFeed::enter_stage(size_t stage) {
  loader_.set_stage(stages_[stage].mixture, stages_[stage].context);
}

std::vector<StagePlan> plan_stages(const TokenDataset& dataset, const Recipe& recipe) {
  MixturePlanner planner(dataset);
  const StepPlan plan = recipe.plan();
  std::vector<StagePlan> out;
  for (size_t i = 0; i < plan.stages(); ++i)
    out.push_back(planner.plan(recipe.stages[i].mixture, plan.stage_end(i) - plan.stage_begin(i)));
  return out;
}

}  // namespace saker
