// saker data: texts to token shards, and what is in them.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/common_options.h"
#include "apps/interrupt.h"
#include "apps/option_checks.h"
#include "apps/progress.h"
#include "core/error.h"
#include "data/documents.h"
#include "data/length_statistics.h"
#include "data/prepare.h"
#include "data/token_dataset.h"

namespace saker::apps {
namespace {

using nlohmann::ordered_json;

struct PrepareOptions {
  std::vector<std::string> inputs;  // FILE, NAME=FILE, -
  std::string tokenizer, out;
  PrepareJob job;
  bool skip_bad_lines = false, json = false;
};

struct StatsOptions {
  std::string folder;
  bool verify = false, json = false;
};

// Inputs of one name are one source, in the order of their first files.
std::vector<PrepareSource> sources_of(const std::vector<std::string>& inputs) {
  std::vector<PrepareSource> sources;
  for (const std::string& input : inputs) {
    const size_t split = input.find('=');
    const bool named = split != std::string::npos && !std::filesystem::exists(input);
    const std::filesystem::path file = named ? input.substr(split + 1) : input;
    const std::string name = named ? input.substr(0, split) : source_name(file);
    auto source = std::ranges::find(sources, name, &PrepareSource::name);
    if (source == sources.end()) source = sources.insert(source, {name, {}});
    source->inputs.push_back(file);
  }
  return sources;
}

double ratio(int64_t a, int64_t b) {
  return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
}

ordered_json counts(int64_t documents, int64_t tokens, int64_t bytes) {
  return {{"documents", documents}, {"tokens", tokens}, {"bytes", bytes}, {"bytes_per_token", ratio(bytes, tokens)}};
}

ordered_json to_json(const LineFaultCounts& skipped) {
  ordered_json out = ordered_json::object();
  for (const LineFault fault : kLineFaults)
    if (skipped[fault] > 0) out[std::string(name(fault))] = skipped[fault];
  return out;
}

ordered_json counts(const SourceEntry& source) {
  ordered_json out = counts(source.documents(), source.tokens(), source.bytes());
  out["skipped_lines"] = to_json(source.skipped_lines);
  return out;
}

void print_counts(const std::string& name, int64_t documents, int64_t tokens, int64_t bytes) {
  fmt::print("{:<16} {:>10} {:>14} {:>15} {:>11.3f}\n", name, documents, tokens, bytes, ratio(bytes, tokens));
}

// The table of all sources with their sum, or the same as JSON.
ordered_json report_counts(const Manifest& manifest, bool json) {
  ordered_json out;
  int64_t documents = 0, tokens = 0, bytes = 0;
  if (!json)
    fmt::print("{:<16} {:>10} {:>14} {:>15} {:>11}\n", "source", "documents", "tokens", "bytes", "bytes/token");
  for (const SourceEntry& source : manifest.sources) {
    documents += source.documents();
    tokens += source.tokens();
    bytes += source.bytes();
    out["sources"][source.name] = counts(source);
    if (!json) print_counts(source.name, source.documents(), source.tokens(), source.bytes());
  }
  out["all"] = counts(documents, tokens, bytes);
  if (!json && manifest.sources.size() > 1) print_counts("all", documents, tokens, bytes);
  return out;
}

// What was left out, for people.
void report_skipped(const Manifest& manifest) {
  for (const SourceEntry& source : manifest.sources) {
    if (source.skipped_lines.total() == 0) continue;
    std::string kinds;
    for (const LineFault fault : kLineFaults)
      if (const int64_t count = source.skipped_lines[fault]; count > 0)
        kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", count, name(fault));
    fmt::print(stderr, "{}: {} lines left out: {}\n", source.name, source.skipped_lines.total(), kinds);
  }
}

// Names the first bad lines.
std::function<void(const BadLine&)> bad_line_reporter(Progress& progress, std::string text_field) {
  constexpr int kNamed = 5;
  return [&progress, text_field = std::move(text_field), seen = 0](const BadLine& bad) mutable {
    if (seen == kNamed) return;
    progress.clear();
    fmt::print(stderr, "{}:{}: left out: expected a JSON object with a string {}, found {}{}\n", bad.file, bad.line,
               saker::quoted(text_field), description(bad.fault), ++seen == kNamed ? "; further ones are counted" : "");
  };
}

Prepared run_job(PrepareJob& job, bool skip_bad_lines) {
  const Interrupt interrupt;
  Progress progress("tokens from", "bytes", 0);
  if (skip_bad_lines) job.skip = bad_line_reporter(progress, job.settings.text_field);
  job.progress = [&](int64_t bytes) {
    progress.update(bytes);
    if (interrupt.requested()) fail(ErrorCode::cancelled, "interrupted; --resume goes on");
  };
  return prepare(job);
}

void run_prepare(PrepareOptions options) {
  PrepareJob& job = options.job;
  job.workers = threads_of(job.workers);
  job.sources = sources_of(options.inputs);
  job.tokenizer = options.tokenizer;
  job.out = options.out;
  const auto begin = std::chrono::steady_clock::now();
  const Prepared prepared = run_job(job, options.skip_bad_lines);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double rate = static_cast<double>(prepared.bytes) / 1e6 / seconds;
  report_skipped(prepared.manifest);
  ordered_json out = report_counts(prepared.manifest, options.json);
  if (options.json) {
    out["seconds"] = seconds;
    out["megabytes_per_second"] = rate;
    out["workers"] = job.workers;
    fmt::print("{}\n", out.dump());
  } else {
    fmt::print(stderr, "{:.1f} s, {:.1f} MB/s\n", seconds, rate);
  }
}

void add_prepare(CLI::App& app) {
  const auto options = std::make_shared<PrepareOptions>();
  PrepareJob& job = options->job;
  CLI::App* command = app.add_subcommand("prepare", "texts to token shards");
  command->footer(
      "The shards depend on the texts, the tokenizer and the options alone, not on the workers. --resume completes a "
      "job that was ended.\n"
      "Example: saker data prepare web=crawl/*.jsonl.zst books.jsonl.gz --tokenizer tokenizer.json --out shards");
  command
      ->add_option("IN", options->inputs,
                   "JSON Lines (.jsonl) or text, plain or compressed with gzip or zstd; \"-\": JSON Lines on stdin; "
                   "NAME=FILE names the source")
      ->required();
  command->add_option("--out", options->out, "the folder to write")->required()->check(not_empty());
  command->add_option("--tokenizer", options->tokenizer, "tokenizer.json; a copy goes into the folder")
      ->required()
      ->check(not_empty());
  command->add_option("--end-of-text", job.end_of_text, "the token that will separate documents")
      ->capture_default_str();
  command->add_option("--text-field", job.settings.text_field, "the member of JSON Lines that is the text")
      ->capture_default_str();
  command->add_option("--max-bytes", job.settings.max_bytes, "text taken of each file, whole documents (default: all)")
      ->check(whole_number(1, kNoLimit));
  command
      ->add_option("--shard-tokens", job.settings.shard_tokens, "a shard ends with the document that reaches so many")
      ->check(whole_number(1, int64_t{1} << 32))
      ->capture_default_str();
  command->add_flag("--skip-bad-lines", options->skip_bad_lines,
                    "leave out lines of JSON Lines that are broken or have no text, and count them (default: the first "
                    "one ends the work)");
  add_threads_option(*command, "--workers", "threads that tokenize", job.workers);
  command->add_flag("--resume", job.resume, "go on behind the last shard that is complete");
  add_json_option(*command, options->json);
  command->callback([options] { run_prepare(*options); });
}

ordered_json to_json(const LengthStatistics& lengths) {
  ordered_json out;
  for (size_t i = 0; i < lengths.percentiles.size(); ++i)
    out["length_percentiles"][std::to_string(LengthStatistics::kPercents[i])] = lengths.percentiles[i];
  for (size_t i = 0; i < lengths.documents_beyond.size(); ++i)
    out["longer_than"][std::to_string(LengthStatistics::kBounds[i])] = {{"documents", lengths.documents_beyond[i]},
                                                                        {"tokens", lengths.tokens_beyond[i]}};
  return out;
}

void print_lengths_header() {
  fmt::print("\n{:<16}", "tokens/document");
  for (const int percent : LengthStatistics::kPercents) fmt::print(" {:>8}", fmt::format("{}%", percent));
  for (const int64_t bound : LengthStatistics::kBounds) fmt::print(" {:>15}", fmt::format("> {}", bound));
  fmt::print("\n");
}

void print_lengths(const std::string& name, const LengthStatistics& lengths) {
  fmt::print("{:<16}", name);
  for (const int64_t length : lengths.percentiles) fmt::print(" {:>8}", length);
  for (size_t i = 0; i < lengths.documents_beyond.size(); ++i)
    fmt::print(" {:>15}",
               fmt::format("{:.1f}% / {:.1f}%", 100.0 * lengths.documents_beyond[i], 100.0 * lengths.tokens_beyond[i]));
  fmt::print("\n");
}

void run_stats(const StatsOptions& options) {
  const TokenDataset dataset(options.folder, options.verify ? Verify::checksums : Verify::sizes);
  const std::vector<SourceEntry>& sources = dataset.manifest().sources;
  ordered_json out = report_counts(dataset.manifest(), options.json);
  if (!options.json) print_lengths_header();
  for (size_t i = 0; i < sources.size(); ++i) {
    const LengthStatistics lengths = length_statistics(dataset, static_cast<int32_t>(i));
    out["sources"][sources[i].name].update(to_json(lengths));
    if (!options.json) print_lengths(sources[i].name, lengths);
  }
  out["vocab"] = dataset.manifest().vocab_size;
  out["verified"] = options.verify;
  if (options.json) fmt::print("{}\n", out.dump());
}

void add_stats(CLI::App& app) {
  const auto options = std::make_shared<StatsOptions>();
  CLI::App* command = app.add_subcommand("stats", "what a folder of token shards holds");
  command->add_option("DIR", options->folder, "made by saker data prepare")->required()->check(not_empty());
  add_json_option(*command, options->json);
  command->add_flag("--verify", options->verify, "read all of it and check the checksums");
  command->footer(
      "Lengths are percentiles of tokens per document; beyond each bound, the share of the documents and of the "
      "tokens.\n"
      "Example: saker data stats shards --verify");
  command->callback([options] { run_stats(*options); });
}

}  // namespace

void add_data(CLI::App& app) {
  CLI::App& group = add_command_group(app, "data", "texts for training");
  add_prepare(group);
  add_stats(group);
}

}  // namespace saker::apps
