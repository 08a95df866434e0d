// saker perplexity: how well a model predicts texts.

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/interrupt.h"
#include "apps/model_options.h"
#include "apps/progress.h"
#include "core/error.h"
#include "data/documents.h"
#include "eval/perplexity.h"
#include "eval/text_score.h"
#include "io/file_handle.h"
#include "model/generation_config.h"

namespace saker::apps {

namespace {

struct PerplexityOptions {
  ModelOptions model;
  std::vector<std::string> files;
  bool json = false;
};

// The token between texts: the first that ends one, else the one that begins one.
int32_t end_of_text(const ModelConfig& config) {
  const int32_t id = config.eos_token_ids.empty() ? config.bos_token_id : config.eos_token_ids.front();
  SAKER_CHECK(id >= 0, ErrorCode::unsupported,
              "[perplexity] config.json names no eos_token_id and no bos_token_id to score documents after");
  return id;
}

// Texts of a file go through the scorer in batches of at least so many tokens, between which progress is shown.
constexpr int64_t kBatchTokens = 1 << 15;

class FileScorer {
 public:
  FileScorer(const FalconMamba& model, const Tokenizer& tokenizer)
      : tokenizer_(tokenizer), workspace_(model), scorer_(model, workspace_, end_of_text(model.config())) {}

  TextScore score(const std::string& file) {
    TextScore total;
    Progress progress(file, "tokens", 0);
    int64_t waiting = 0;
    const auto run = [&] {
      for (const double nats : scorer_.finish()) total.nats += nats;
      waiting = 0;
      progress.update(total.tokens);
      if (interrupt_.requested()) fail(ErrorCode::cancelled, "interrupted");
    };
    for_each_document(file, [&](std::string_view text) {
      ids_.clear();
      tokenizer_.encode_to(text, /*add_special_tokens=*/false, ids_);
      scorer_.add(ids_);
      total += {1, static_cast<int64_t>(ids_.size()), static_cast<int64_t>(text.size()), 0.0};
      waiting += static_cast<int64_t>(ids_.size());
      if (waiting >= kBatchTokens) run();
      return true;
    });
    run();
    SAKER_CHECK(total.tokens > 0, ErrorCode::invalid_argument, "[perplexity] {}: expected text, found none", file);
    return total;
  }

 private:
  Interrupt interrupt_;
  const Tokenizer& tokenizer_;
  Workspace workspace_;
  DocumentScorer scorer_;
  std::vector<int32_t> ids_;
};

nlohmann::ordered_json to_json(const TextScore& score) {
  return {{"documents", score.documents},
          {"tokens", score.tokens},
          {"bytes", score.bytes},
          {"nats", score.nats},
          {"nats_per_token", score.nats_per_token()},
          {"perplexity", score.perplexity()},
          {"bits_per_byte", score.bits_per_byte()}};
}

void print(const std::string& source, const TextScore& score) {
  fmt::print("{:<16} {:>9} {:>10} {:>12.4f} {:>12.4f} {:>12.4f}\n", source, score.documents, score.tokens,
             score.nats_per_token(), score.perplexity(), score.bits_per_byte());
  std::fflush(stdout);
}

void perplexity(const PerplexityOptions& options) {
  const FalconMamba model = load_model(options.model);
  const Tokenizer tokenizer = load_tokenizer(options.model);
  for (const std::string& file : options.files) open_for_reading(file);  // for its errors, before the long work
  FileScorer scorer(model, tokenizer);
  std::map<std::string, TextScore> sources;  // by file stem
  TextScore all;
  const auto begin = std::chrono::steady_clock::now();
  if (!options.json)
    fmt::print("{:<16} {:>9} {:>10} {:>12} {:>12} {:>12}\n", "source", "documents", "tokens", "nats/token",
               "perplexity", "bits/byte");
  for (const std::string& file : options.files) {
    const TextScore score = scorer.score(file);
    const std::string source = source_name(file);
    sources[source] += score;
    all += score;
    if (!options.json) print(source, score);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double rate = static_cast<double>(all.tokens) / seconds;
  if (!options.json) {
    if (options.files.size() > 1) print("all", all);
    fmt::print(stderr, "{:.1f} s, {:.0f} tokens/s\n", seconds, rate);
    return;
  }
  nlohmann::ordered_json out;
  for (const auto& [source, score] : sources) out["sources"][source] = to_json(score);
  out["all"] = to_json(all);
  out["tokens_per_second"] = rate;
  fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

void add_perplexity(CLI::App& app) {
  auto options = std::make_shared<PerplexityOptions>();
  CLI::App* command = app.add_subcommand("perplexity", "how well a model predicts texts");
  command->add_option("FILE", options->files, "text, or JSON Lines (.jsonl) with a member \"text\"")->required();
  add_model_options(*command, options->model);
  add_json_option(*command, options->json);
  command->footer(
      "Each document is scored whole, after one end-of-text token and from an empty state.\n"
      "Example: saker perplexity --model DIR validation/*.jsonl");
  command->callback([options] { perplexity(*options); });
}

}  // namespace saker::apps
