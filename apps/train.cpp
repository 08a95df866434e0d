// saker train: runs a recipe.

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/ceilings.h"
#include "apps/commands.h"
#include "apps/common_options.h"
#include "apps/interrupt.h"
#include "apps/machine.h"
#include "apps/option_checks.h"
#include "apps/train_report.h"
#include "apps/validation_sets.h"
#include "core/error.h"
#include "device/gpu.h"
#include "io/checksum.h"
#include "train/shard_feed.h"
#include "train/trainer.h"

namespace saker::apps {

namespace {

namespace fs = std::filesystem;

struct TrainOptions {
  std::string recipe, out, resume_from, fork_from, shards;
  std::vector<std::string> set;
  bool resume = false, dry_run = false, json = false;
  double tokens_per_second = 0.0, gpu_memory = 0.0;  // GB
  DeviceOptions device;
};

Recipe read_recipe(const TrainOptions& options) {
  Recipe recipe = load_recipe(options.recipe, options.set);
  if (!options.shards.empty()) recipe.data.shards = options.shards;
  return recipe;
}

RunStart start_of(const TrainOptions& options) {
  if (!options.fork_from.empty()) return {RunStart::Kind::fork, options.fork_from};
  if (options.resume || !options.resume_from.empty()) return {RunStart::Kind::resume, options.resume_from};
  return {};
}

// Names of files may be no UTF-8.
void print_json(const nlohmann::ordered_json& json) {
  fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// Of products large enough to show what the machine can do, whatever the model.
double product_rate(const Recipe& recipe, const Backend& backend) {
  if (!backend.place().on_host()) return measure_gpu(backend, recipe.model.dtype).product;
  constexpr int64_t kLargeEnough = 1024;
  return measure_product(backend, recipe.model.dtype, kLargeEnough, kLargeEnough, kLargeEnough);
}

size_t free_gpu_bytes(int index) {
  for (const GpuInfo& gpu : list_gpus())
    if (gpu.index == index) return gpu.free_bytes;
  return 0;
}

// What a run took of a GPU beside what was planned: from before the model until the end, when all is still there.
struct GpuMemory {
  size_t free_before = 0, planned = 0;

  nlohmann::ordered_json json(int gpu) const {
    const size_t free_now = free_gpu_bytes(gpu);
    return {{"bytes", free_before > free_now ? free_before - free_now : 0}, {"planned_bytes", planned}};
  }
};

// The GPU that --device names or takes: a plan for one needs none, if --gpu-memory says what it has.
DryRun dry_run_of(const TrainOptions& options) {
  DryRun dry_run{.tokens_per_second = options.tokens_per_second};
  const bool named = options.device.device.starts_with("cuda");
  const bool there = !list_gpus().empty();
  dry_run.card_bytes = static_cast<size_t>(options.gpu_memory * 1e9);
  if (there && (named || options.device.device == "auto")) {
    const Backend backend = open_device(options.device);
    dry_run.on_gpu = backend.kind == BackendKind::cuda;
    if (dry_run.on_gpu && dry_run.card_bytes == 0) dry_run.card_bytes = free_gpu_bytes(backend.gpu);
  }
  dry_run.on_gpu |= named;
  return dry_run;
}

nlohmann::ordered_json summary(const Trainer& trainer, const TrainingLine& line, const std::string& out) {
  nlohmann::ordered_json json{
      {"steps", trainer.progress().step},           {"tokens", trainer.progress().tokens},
      {"skipped", trainer.progress().skipped},      {"tokens_per_second", line.tokens_per_second()},
      {"peak_memory_bytes", peak_memory_bytes()},   {"fingerprint", checksum_text(trainer.fingerprint())},
      {"model", (fs::path(out) / "model").string()}};
  for (const ValidationScore& score : trainer.scores()) json["validation"][score.name] = score.nats_per_token();
  return json;
}

// Shards need not be there for it.
void dry_run(const Recipe& recipe, const TrainOptions& options) {
  std::optional<TokenDataset> dataset;
  if (has_manifest(recipe.data.shards)) dataset.emplace(recipe.data.shards, Verify::sizes);
  const DryRun how = dry_run_of(options);
  const RunEstimate plan =
      estimate(recipe, dataset ? &*dataset : nullptr, how.on_gpu ? BackendKind::cuda : BackendKind::cpu);
  if (options.json)
    print_json(estimate_json(recipe, plan, how));
  else
    print_estimate(recipe, plan, how);
}

void train(const TrainOptions& options) {
  const Recipe recipe = read_recipe(options);
  if (options.dry_run) return dry_run(recipe, options);
  const Backend backend = open_device(options.device);
  auto data = std::make_unique<ShardFeed>(recipe);
  const Interrupt interrupt(Interrupt::Second::ends, Interrupt::Signals::termination_too);
  TrainerSettings settings;
  settings.out = options.out;
  settings.start = start_of(options);
  settings.backend = backend;
  settings.version = commit();
  settings.validation = read_validation(recipe, data->dataset());
  settings.product_rate = product_rate(recipe, backend);
  const RunEstimate plan = estimate(recipe, nullptr, backend.kind);
  GpuMemory memory;
  if (!backend.place().on_host()) {
    memory = {free_gpu_bytes(backend.gpu), plan.device_bytes()};
    require_gpu_memory(
        backend.gpu, plan.device_bytes(),
        fmt::format("training {} (--dry-run --device cuda tells what fits, --device cpu takes the host)", recipe.name));
  }
  TrainingLine line(plan, settings.product_rate);
  if (!backend.place().on_host() && options.device.device == "auto")
    line.news(fmt::format("on GPU {}; --device cpu takes the host", backend.gpu));
  settings.stop = [&] { return interrupt.requested(); };
  settings.on_step = [&](const StepResult& result) { line.update(result); };
  settings.on_news = [&](const std::string& text) { line.news(text); };
  settings.on_saved = [&](const std::string& text) { line.saved(text); };
  Trainer trainer(recipe, std::move(data), std::move(settings));
  const bool finished = trainer.run();
  SAKER_CHECK(finished, ErrorCode::cancelled, "interrupted after step {}, which is saved; --resume continues",
              trainer.progress().step);
  if (options.json) {
    nlohmann::ordered_json json = summary(trainer, line, options.out);
    if (!backend.place().on_host()) json["gpu_memory"] = memory.json(backend.gpu);
    print_json(json);
  } else {
    fmt::print("{} steps, {} tokens: {}\n", trainer.progress().step, trainer.progress().tokens,
               (fs::path(options.out) / "model").string());
  }
}

void check(const TrainOptions& options) {
  if (!options.dry_run && options.out.empty()) throw CLI::RequiredError("--out");
}

}  // namespace

void add_train(CLI::App& app) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = app.add_subcommand("train", "run a training recipe");
  command->add_option("RECIPE", options->recipe, "TOML file: model, data, stages, schedules")
      ->required()
      ->check(not_empty());
  command->add_option("--out", options->out, "folder of the run: metrics.jsonl, checkpoints/, model/")
      ->check(not_empty());
  auto* resume = command->add_flag("--resume", options->resume, "continue the run in --out from its newest checkpoint");
  auto* resume_from = command->add_option("--resume-from", options->resume_from, "continue it from this checkpoint")
                          ->check(not_empty());
  auto* fork = command
                   ->add_option("--fork-from", options->fork_from,
                                "begin a run with the weights and the optimiser of a checkpoint")
                   ->check(not_empty());
  fork->excludes(resume)->excludes(resume_from);
  command->add_flag("--dry-run", options->dry_run, "print schedule, tokens, memory and FLOPs, and do nothing");
  command->add_option("--tokens-per-second", options->tokens_per_second, "for the time that --dry-run tells")
      ->check(CLI::PositiveNumber);
  command->add_option("--gpu-memory", options->gpu_memory, "GB of a GPU that is not here, for what --dry-run says fits")
      ->check(CLI::PositiveNumber);
  command->add_option("--set", options->set, "change a value of the recipe: stages.0.tokens=2M")->take_all();
  command->add_option("--data", options->shards, "folder of token shards (default: the recipe's data.shards)")
      ->check(not_empty());
  add_device_options(*command, options->device);
  add_json_option(*command, options->json);
  command->footer(
      "SIGINT and SIGTERM save a checkpoint and end the run. docs/training.md describes recipes.\n"
      "Example: saker train recipes/tiny-cpu.toml --data shards --out runs/tiny\n"
      "         saker train recipes/tiny-cpu.toml --data shards --out runs/tiny --resume");
  command->callback([options] {
    check(*options);
    train(*options);
  });
}

}  // namespace saker::apps
