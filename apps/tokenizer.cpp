// saker tokenizer train: a tokenizer.json learnt from texts.

#include <fmt/format.h>

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
#include "io/atomic_file.h"
#include "io/file_handle.h"
#include "tokenizer/tokenizer_trainer.h"

namespace saker::apps {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string out;
  TokenizerTraining training;
  int64_t max_bytes = kNoLimit;
  bool json = false;
};

// The first `bytes` of `text` at most, no half character.
std::string_view cut(std::string_view text, int64_t bytes) {
  if (static_cast<int64_t>(text.size()) <= bytes) return text;
  auto end = static_cast<size_t>(bytes);
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

// Says how far the work is, and ends it when the user asks.
class Watch {
 public:
  Watch(const Interrupt& interrupt, const std::string& what, const std::string& unit, int64_t total)
      : interrupt_(interrupt), progress_(what, unit, total) {}

  void update(int64_t done) {
    progress_.update(done);
    if (interrupt_.requested()) fail(ErrorCode::cancelled, "interrupted");
  }

 private:
  const Interrupt& interrupt_;
  Progress progress_;
};

void read(const std::string& file, int64_t max_bytes, const Interrupt& interrupt, TokenizerTrainer& trainer) {
  Watch watch(interrupt, file, "bytes", 0);
  const int64_t before = trainer.bytes();
  for_each_document(file, [&](std::string_view text) {
    const std::string_view taken = cut(text, max_bytes - (trainer.bytes() - before));
    trainer.add(taken);
    watch.update(trainer.bytes() - before);
    return taken.size() == text.size() && trainer.bytes() - before < max_bytes;
  });
}

TrainedTokenizer train(const Options& options) {
  const Interrupt interrupt;
  TokenizerTrainer trainer(options.training);
  for (const std::string& file : options.files) read(file, options.max_bytes, interrupt, trainer);
  Watch watch(interrupt, "training", "tokens", options.training.vocab_size);
  return trainer.train([&](int64_t merges) { watch.update(merges); });
}

void print(const Options& options, const TrainedTokenizer& trained, double seconds) {
  const double bytes_per_token = static_cast<double>(trained.bytes) / static_cast<double>(trained.tokens);
  if (trained.vocab_size < options.training.vocab_size)
    fmt::print(stderr,
               "saker: a vocabulary of {} tokens, not {}: every pair that is left occurs less than {} times (see "
               "--min-count)\n",
               trained.vocab_size, options.training.vocab_size, options.training.min_count);
  if (options.json) {
    const nlohmann::ordered_json out{{"vocab", trained.vocab_size}, {"merges", trained.merges.size()},
                                     {"words", trained.words},      {"bytes", trained.bytes},
                                     {"tokens", trained.tokens},    {"bytes_per_token", bytes_per_token},
                                     {"seconds", seconds}};
    fmt::print("{}\n", out.dump());
  } else {
    fmt::print("{}: {} tokens, {:.3f} bytes per token of the {} bytes read; {} words, {:.1f} s\n", options.out,
               trained.vocab_size, bytes_per_token, trained.bytes, trained.words, seconds);
  }
}

void run(Options options) {
  options.training.threads = threads_of(options.training.threads);
  for (const std::string& file : options.files) open_for_reading(file);  // for their errors, before the long work
  AtomicFile out(options.out);
  const auto begin = std::chrono::steady_clock::now();
  const TrainedTokenizer trained = train(options);
  out.write(trained.json);
  out.commit();
  print(options, trained, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

void add_training(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("train", "learn a tokenizer.json from texts");
  command->footer(
      "Byte-level BPE on words as Falcon's tokenizer cuts them; <|endoftext|> has the id 0. The file depends on the "
      "texts and options alone, not on the threads.\n"
      "Example: saker tokenizer train corpus/*.jsonl --vocab 4096 --out tokenizer.json");
  command->add_option("IN", options->files, "text, or JSON Lines (.jsonl) with a member \"text\"")->required();
  command
      ->add_option("--vocab", options->training.vocab_size, "tokens of the vocabulary, bytes and special ones included")
      ->required()
      ->check(whole_number(1, 1 << 22));
  command->add_option("--out", options->out, "the tokenizer.json to write")->required()->check(not_empty());
  command
      ->add_option("--special", options->training.special_tokens,
                   "a special token besides <|endoftext|>; may be given again")
      ->expected(1)
      ->take_all();
  command->add_option("--max-bytes", options->max_bytes, "text taken of each file, from its beginning (default: all)")
      ->check(whole_number(1));
  command->add_option("--min-count", options->training.min_count, "a pair that occurs less often does not merge")
      ->check(whole_number(1))
      ->capture_default_str();
  add_threads_option(*command, "--threads", "threads that count words", options->training.threads);
  add_json_option(*command, options->json);
  command->callback([options] { run(*options); });
}

}  // namespace

void add_tokenizer(CLI::App& app) {
  add_training(add_command_group(app, "tokenizer", "learn a tokenizer"));
}

}  // namespace saker::apps
