#include "train/estimate.h"

#include <algorithm>
#include <cmath>

#include "model/flops.h"
#include "train/micro_batch.h"
#include "train/optimizer.h"
#include "train/shard_feed.h"

namespace saker {

namespace {

constexpr int64_t kUsualMicroBatch = 2048;

// Where a step's end is told of in the table, in order of tokens.
struct Mark {
  int64_t tokens;
  std::string what;
};

std::vector<Mark> marks(const Recipe& recipe, const StepPlan& plan) {
  std::vector<Mark> out{{1, "first step"}};
  if (recipe.rate.warm_up_tokens > 0) out.push_back({recipe.rate.warm_up_tokens, "warm-up ends"});
  for (const int quarter : {1, 2, 3, 4})
    if (recipe.batch.ramp_tokens > 0 && recipe.batch.from != recipe.batch.to)
      out.push_back({recipe.batch.ramp_tokens / 4 * quarter, fmt::format("batch ramp {}/4", quarter)});
  for (size_t i = 0; i < plan.stages(); ++i)
    out.push_back({plan.stage_end(i), fmt::format("{} ends", recipe.stages[i].name)});
  if (plan.decay_begin() >= 0)
    for (const int quarter : {1, 2, 3})
      out.push_back({plan.decay_begin() + (plan.tokens() - plan.decay_begin()) / 4 * quarter,
                     fmt::format("decay {}/4", quarter)});
  std::stable_sort(out.begin(), out.end(), [](const Mark& a, const Mark& b) { return a.tokens < b.tokens; });
  return out;
}

std::vector<SourceTokens> shares(const StageRecipe& stage, int64_t tokens) {
  double weights = 0.0;
  for (const MixtureShare& share : stage.mixture.shares) weights += share.weight;
  std::vector<SourceTokens> out;
  for (const MixtureShare& share : stage.mixture.shares)
    out.push_back({share.source, std::llround(static_cast<double>(tokens) * share.weight / weights), 0.0});
  return out;
}

std::vector<SourceTokens> shares(const StagePlan& plan) {
  std::vector<SourceTokens> out;
  for (const SourcePlan& source : plan.sources) {
    int64_t tokens = 0, in_a_pass = 0;
    for (const PartPlan& part : source.parts) {
      tokens += part.tokens;
      in_a_pass += part.epoch_tokens;
    }
    out.push_back(
        {source.name, tokens, static_cast<double>(tokens) / static_cast<double>(std::max<int64_t>(1, in_a_pass))});
  }
  return out;
}

int64_t longest_context(const Recipe& recipe) {
  int64_t longest = 0;
  for (const StageRecipe& stage : recipe.stages) longest = std::max(longest, stage.context);
  return longest;
}

// The largest multiple of `unit` for which `bytes` of it, which grows, are at most `limit`; 0 if there is none.
template <class Bytes>
int64_t largest_multiple(int64_t unit, size_t limit, const Bytes& bytes) {
  constexpr int64_t kMost = int64_t{1} << 24;
  int64_t fits = 0, too_many = std::max<int64_t>(1, kMost / unit) + 1;
  while (too_many - fits > 1) {
    const int64_t middle = fits + (too_many - fits) / 2;
    (bytes(middle * unit) <= limit ? fits : too_many) = middle;
  }
  return fits * unit;
}

size_t lane_bytes(const Recipe& recipe) {
  if (recipe.data.packing != Packing::carried) return 0;
  return static_cast<size_t>(Lanes::slots(recipe.batch.to) * recipe.model.config.state_bytes());
}

}  // namespace

int64_t micro_batch_tokens(const Recipe& recipe) {
  const int64_t longest = longest_context(recipe);
  const int64_t wanted = recipe.run.micro_batch_tokens > 0 ? recipe.run.micro_batch_tokens : kUsualMicroBatch;
  return std::max(wanted, longest);
}

TrainingOptions training_options(const Recipe& recipe, BackendKind on) {
  TrainingOptions options;
  options.dtype = recipe.model.dtype;
  options.activations = usual_activations(recipe.model.config, recipe.model.dtype, on);
  if (recipe.run.f32_activations) options.activations = DType::f32;
  options.masters = recipe.optimizer.masters;
  options.recompute = recipe.run.recompute;
  options.max_rows = micro_batch_tokens(recipe);
  options.max_slots = recipe.data.packing == Packing::carried ? Lanes::slots(recipe.batch.to) : 1;
  return options;
}

bool writes_beside_training(const Recipe& recipe) {
  return recipe.checkpoints.asynchronous && recipe.checkpoints.every_tokens > 0;
}

std::vector<MemoryChoice> memory_choices(const Recipe& recipe, size_t card_bytes) {
  std::vector<MemoryChoice> out;
  const auto add = [&](MasterFormat masters, MomentFormat moments, Recompute recompute) {
    TrainingOptions options = training_options(recipe, BackendKind::cuda);
    options.recompute = recompute;
    options.masters = masters;
    const auto bytes = [&](int64_t rows) {
      options.max_rows = rows;
      return TrainingModel::memory(recipe.model.config, options, BackendKind::cuda).total() +
             Optimizer::moment_bytes(recipe.model.config, moments) + lane_bytes(recipe);
    };
    out.push_back({masters, moments, recompute, bytes(micro_batch_tokens(recipe)),
                   largest_multiple(longest_context(recipe), card_bytes, bytes)});
  };
  std::vector<MasterFormat> formats{MasterFormat::f32};
  if (recipe.model.dtype == DType::bf16) formats.push_back(MasterFormat::split);
  for (const MasterFormat masters : formats)
    for (const MomentFormat moments : {MomentFormat::f32, MomentFormat::eight_bit})
      for (const Recompute recompute : kRecomputeLevels) add(masters, moments, recompute);
  return out;
}

RunEstimate estimate(const Recipe& recipe, const TokenDataset* dataset, BackendKind on) {
  const StepPlan plan = recipe.plan();
  const std::vector<StagePlan> mixtures = dataset ? plan_stages(*dataset, recipe) : std::vector<StagePlan>{};
  RunEstimate out;
  for (size_t i = 0; i < plan.stages(); ++i) {
    const StageRecipe& stage = recipe.stages[i];
    const int64_t tokens = plan.stage_end(i) - plan.stage_begin(i);
    out.stages.push_back({stage.name, tokens, 0, stage.context, dataset ? shares(mixtures[i]) : shares(stage, tokens)});
  }
  const std::vector<Mark> all = marks(recipe, plan);
  auto mark = all.begin();
  while (const auto step = plan.at(out.tokens)) {
    out.tokens = step->tokens_after;
    ++out.steps;
    ++out.stages[step->stage].steps;
    for (; mark != all.end() && mark->tokens <= step->tokens_after; ++mark)
      out.schedule.push_back(
          {out.steps, step->tokens_after, step->stage, step->context, step->rows, step->learning_rate, mark->what});
  }
  out.memory = TrainingModel::memory(recipe.model.config, training_options(recipe, on), on);
  out.memory.working += Optimizer::master_bytes(recipe.model.config, recipe.optimizer.masters, on);
  out.moment_bytes = Optimizer::moment_bytes(recipe.model.config, recipe.optimizer.moments);
  out.lane_bytes = lane_bytes(recipe);
  if (writes_beside_training(recipe)) {
    const size_t upper_halves = recipe.optimizer.masters == MasterFormat::split ? out.memory.rounded : 0;
    out.snapshot_bytes = out.memory.values + upper_halves + out.moment_bytes + out.lane_bytes;
  }
  out.flops_per_token = training_flops_per_token(recipe.model.config);
  return out;
}

}  // namespace saker
