#include "apps/train_report.h"

#include <fmt/format.h>
#include <unistd.h>

namespace saker::apps {

namespace {

// 1536 -> 1.5 KiB
std::string bytes_text(size_t bytes) {
  constexpr std::array<const char*, 5> kUnits{"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t i = 0;
  for (; value >= 1000.0 && i + 1 < kUnits.size(); ++i) value /= 1024.0;
  return fmt::format("{:.3g} {}", value, kUnits[i]);
}

std::string duration(double seconds) {
  if (seconds < 90.0) return fmt::format("{:.0f} s", seconds);
  if (seconds < 90.0 * 60.0) return fmt::format("{:.0f} min", seconds / 60.0);
  if (seconds < 48.0 * 3600.0) return fmt::format("{:.1f} h", seconds / 3600.0);
  return fmt::format("{:.1f} days", seconds / 86400.0);
}

// 1500000 -> 1.5M
std::string short_count(double count) {
  constexpr std::array<const char*, 5> kSuffixes{"", "K", "M", "G", "T"};
  size_t i = 0;
  for (; count >= 1e4 && i + 1 < kSuffixes.size(); ++i) count /= 1000.0;
  return fmt::format("{:.4g}{}", count, kSuffixes[i]);
}

// Of what not every run has.
std::string part(const char* name, size_t bytes) {
  return bytes > 0 ? fmt::format(", {} {}", name, bytes_text(bytes)) : "";
}

void print_stages(const RunEstimate& estimate) {
  fmt::print("{:<16} {:>10} {:>10} {:>8}  tokens by source\n", "stage", "tokens", "steps", "context");
  for (const StageEstimate& stage : estimate.stages) {
    std::string sources;
    for (const SourceTokens& source : stage.sources)
      sources += fmt::format(" {} {}{}", source.source, short_count(static_cast<double>(source.tokens)),
                             source.epochs > 0.0 ? fmt::format(" ({:.2g} epochs)", source.epochs) : "");
    fmt::print("{:<16} {:>10} {:>10} {:>8} {}\n", stage.name, short_count(static_cast<double>(stage.tokens)),
               stage.steps, stage.context, sources);
  }
}

void print_schedule(const Recipe& recipe, const RunEstimate& estimate) {
  fmt::print("\n{:>10} {:>10} {:<16} {:>8} {:>10} {:>13}\n", "step", "tokens", "stage", "batch", "tokens",
             "learning rate");
  for (const ScheduleRow& row : estimate.schedule)
    fmt::print("{:>10} {:>10} {:<16} {:>8} {:>10} {:>13.4g}  {}\n", row.step,
               short_count(static_cast<double>(row.tokens)), recipe.stages[row.stage].name, row.rows,
               short_count(static_cast<double>(row.rows * row.context)), row.learning_rate, row.what);
}

// What the GPU's memory holds by the options that change it.
void print_choices(const Recipe& recipe, const DryRun& dry_run) {
  fmt::print("\n{:<8} {:<8} {:<10} {:>14} {:>24}\n", "masters", "moments", "recompute", "on the GPU",
             dry_run.card_bytes > 0 ? fmt::format("tokens that fit {}", bytes_text(dry_run.card_bytes)) : "");
  for (const MemoryChoice& choice : memory_choices(recipe, dry_run.card_bytes))
    fmt::print("{:<8} {:<8} {:<10} {:>14} {:>24}\n", name(choice.masters), name(choice.moments), name(choice.recompute),
               bytes_text(choice.bytes),
               dry_run.card_bytes == 0          ? ""
               : choice.micro_batch_tokens == 0 ? "none"
                                                : fmt::format("{}", choice.micro_batch_tokens));
}

void print_memory(const RunEstimate& estimate, bool on_gpu) {
  const MemoryPlan& memory = estimate.memory;
  fmt::print(
      "\nmemory   {}{}: parameters {}, gradients {}, rounded copies {}, moments {}, kept activations {}, working "
      "{}{}{}\n",
      bytes_text(on_gpu ? estimate.device_bytes() : estimate.memory_bytes()), on_gpu ? " on the GPU" : "",
      bytes_text(memory.values), bytes_text(memory.gradients), bytes_text(memory.rounded),
      bytes_text(estimate.moment_bytes), bytes_text(memory.kept), bytes_text(memory.working),
      part("carried states", estimate.lane_bytes), on_gpu ? "" : part("copy for checkpoints", estimate.snapshot_bytes));
  if (on_gpu && estimate.snapshot_bytes > 0)
    fmt::print("host     {}: copy for checkpoints, pinned\n", bytes_text(estimate.snapshot_bytes));
}

}  // namespace

void print_estimate(const Recipe& recipe, const RunEstimate& estimate, const DryRun& dry_run) {
  const double flops = estimate.flops_per_token * static_cast<double>(estimate.tokens);
  fmt::print("{}: {} parameters, {} tokens in {} steps\n\n", recipe.name, recipe.model.config.parameters(),
             short_count(static_cast<double>(estimate.tokens)), estimate.steps);
  print_stages(estimate);
  print_schedule(recipe, estimate);
  print_memory(estimate, dry_run.on_gpu);
  fmt::print("compute  {:.3g} FLOPs, {:.3g} per token\n", flops, estimate.flops_per_token);
  if (dry_run.tokens_per_second > 0.0)
    fmt::print("time     {} at {:.0f} tokens/s\n",
               duration(static_cast<double>(estimate.tokens) / dry_run.tokens_per_second), dry_run.tokens_per_second);
  if (dry_run.on_gpu) print_choices(recipe, dry_run);
}

nlohmann::ordered_json estimate_json(const Recipe& recipe, const RunEstimate& estimate, const DryRun& dry_run) {
  nlohmann::ordered_json out{{"recipe", recipe.name},
                             {"parameters", recipe.model.config.parameters()},
                             {"tokens", estimate.tokens},
                             {"steps", estimate.steps},
                             {"memory_bytes", estimate.memory_bytes()},
                             {"flops", estimate.flops_per_token * static_cast<double>(estimate.tokens)},
                             {"flops_per_token", estimate.flops_per_token}};
  for (const StageEstimate& stage : estimate.stages) {
    nlohmann::ordered_json sources;
    for (const SourceTokens& source : stage.sources) sources[source.source] = source.tokens;
    out["stages"].push_back({{"name", stage.name},
                             {"tokens", stage.tokens},
                             {"steps", stage.steps},
                             {"context", stage.context},
                             {"sources", sources}});
  }
  for (const ScheduleRow& row : estimate.schedule)
    out["schedule"].push_back({{"step", row.step},
                               {"tokens", row.tokens},
                               {"stage", recipe.stages[row.stage].name},
                               {"batch", row.rows},
                               {"learning_rate", row.learning_rate},
                               {"what", row.what}});
  if (dry_run.tokens_per_second > 0.0)
    out["seconds"] = static_cast<double>(estimate.tokens) / dry_run.tokens_per_second;
  if (!dry_run.on_gpu) return out;
  out["gpu_memory_bytes"] = estimate.device_bytes();
  for (const MemoryChoice& choice : memory_choices(recipe, dry_run.card_bytes)) {
    out["gpu_memory"].push_back({{"masters", name(choice.masters)},
                                 {"moments", name(choice.moments)},
                                 {"recompute", name(choice.recompute)},
                                 {"bytes", choice.bytes}});
    if (dry_run.card_bytes > 0) out["gpu_memory"].back()["micro_batch_tokens"] = choice.micro_batch_tokens;
  }
  return out;
}

TrainingLine::TrainingLine(const RunEstimate& plan, double product_rate)
    : steps_(plan.steps),
      all_tokens_(plan.tokens),
      flops_per_token_(plan.flops_per_token),
      product_rate_(product_rate),
      terminal_(::isatty(STDERR_FILENO) == 1) {}

TrainingLine::~TrainingLine() {
  clear();
}

void TrainingLine::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

void TrainingLine::update(const StepResult& result) {
  tokens_ += static_cast<double>(result.planned.tokens());
  seconds_ += result.seconds;
  const Clock::time_point now = Clock::now();
  if (!terminal_ || now - last_ < std::chrono::milliseconds(200)) return;
  last_ = now;
  shown_ = true;
  const double rate = tokens_per_second(), left = static_cast<double>(all_tokens_ - result.planned.tokens_after) / rate;
  const std::string share =
      product_rate_ > 0.0 ? fmt::format(", MFU {:.0f}%", 100.0 * rate * flops_per_token_ / product_rate_) : "";
  fmt::print(stderr, "\r\x1b[Kstep {}/{}: loss {:.4f}, rate {:.3g}, batch {} x {}, {:.0f} tokens/s{}, {} left",
             result.step, steps_, result.loss(), result.planned.learning_rate, result.planned.rows,
             result.planned.context, rate, share, duration(left));
}

void TrainingLine::news(const std::string& line) {
  clear();
  fmt::print(stderr, "{}\n", line);
}

void TrainingLine::saved(const std::string& line) {
  if (terminal_) news(line);
}

}  // namespace saker::apps
