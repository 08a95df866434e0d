// saker bench: how fast a model, an operation or a tokenizer is here.

#include "apps/bench.h"

#include <limits>
#include <memory>

#include "apps/commands.h"
#include "apps/option_checks.h"
#include "model/training_activations.h"

namespace saker::apps {

namespace {

// saker bench train: its own options, for training shares few with the others.
CLI::App* add_bench_train(CLI::App& bench) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = bench.add_subcommand("train", "steps of training");
  command->footer("Example: saker bench train --config config.json --dtype bf16 -b 8 -l 256");
  auto* model = command->add_option("--model", options->model.folder, "model folder")->check(not_empty());
  auto* config = command->add_option("--config", options->config, "config.json: random weights made in memory");
  model->excludes(config);
  add_dtype_option(*command, options->model.dtype);
  command->get_option("--dtype")->description("inputs of products: f32 or bf16 (default: f32)");
  add_device_options(*command, options->model.device);
  command->add_option("-b", options->training_sequences, "sequences of a step")
      ->check(whole_number(1, 1 << 16))
      ->capture_default_str();
  command->add_option("-l", options->training_tokens, "tokens of a sequence, the first of which is not predicted")
      ->check(whole_number(2, 1 << 20))
      ->capture_default_str();
  command->add_option("--recompute", options->recompute, "activations computed twice")
      ->check(CLI::IsMember(std::vector<std::string>(kRecomputeNames.begin(), kRecomputeNames.end())))
      ->capture_default_str();
  command->add_option("--moments", options->moments, "of AdamW: f32 or 8-bit")
      ->check(CLI::IsMember({"f32", "8-bit"}))
      ->capture_default_str();
  command->add_option("--masters", options->masters, "of the weights: f32, or split with --dtype bf16")
      ->check(CLI::IsMember({"f32", "split"}))
      ->capture_default_str();
  command
      ->add_option("--activations", options->activations,
                   "between operations: auto (bf16 on a GPU with --dtype bf16) or f32")
      ->check(CLI::IsMember({"auto", "f32"}))
      ->capture_default_str();
  command->add_option("-r", options->repeats, "steps that are timed")
      ->check(whole_number(1, 1000))
      ->capture_default_str();
  add_json_option(*command, options->json);
  command->callback([options] {
    if (options->model.folder.empty() && options->config.empty()) throw CLI::RequiredError("--model or --config");
    bench_train(*options);
  });
  return command;
}

void bench(const BenchOptions& options) {
  if (!options.op.empty()) return bench_op(options);
  if (!options.tokenizer.empty()) return bench_tokenizer(options);
  if (options.model.folder.empty() && options.config.empty())
    throw CLI::RequiredError("--model, --config, --op or --tokenizer");
  bench_model(options);
}

}  // namespace

void add_bench(CLI::App& app) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "how fast a model, an operation or a tokenizer is here");
  command->footer(
      "Ceilings of this machine are measured in the same run.\n"
      "Examples: saker bench --model DIR -p 512 -n 128\n"
      "          saker bench --config config.json --dtype bf16 -b 8\n"
      "          saker bench --config config.json --device cuda -p 2048,8192 -b 1,8,64,256\n"
      "          saker bench --op selective_scan\n"
      "          saker bench --tokenizer tokenizer.json --text FILE.jsonl\n"
      "          saker bench train --config config.json -b 8 -l 256");
  constexpr int64_t kMostPromptTokens = 1 << 24;  // they are all held in memory
  auto* model = command->add_option("--model", options->model.folder, "model folder")->check(not_empty());
  auto* config = command->add_option("--config", options->config, "config.json: random weights made in memory");
  auto* op = command->add_option("--op", options->op, "an operation, on the shapes of real models");
  auto* tokenizer = command->add_option("--tokenizer", options->tokenizer, "tokenizer.json, one thread");
  auto* text = command->add_option("--text", options->text, "what to tokenize: text or JSON Lines");
  model->excludes(config)->excludes(op)->excludes(tokenizer);
  config->excludes(op)->excludes(tokenizer);
  op->excludes(tokenizer);
  tokenizer->needs(text);
  text->needs(tokenizer);
  command->add_option("-p", options->prefill_tokens, "tokens of a prompt; on a GPU several: 2048,8192")
      ->delimiter(',')
      ->check(whole_number(1, kMostPromptTokens))
      ->capture_default_str();
  command->add_option("--chunk", options->chunk, "on a GPU, tokens of a prompt that go through at once (default: 8192)")
      ->check(whole_number(1, 1 << 16));
  command->add_option("-n", options->decode_tokens, "steps of decoding")->check(whole_number(1))->capture_default_str();
  command->add_option("-b", options->sequences, "sequences at once; on a GPU several: 1,8,64,256")
      ->delimiter(',')
      ->check(whole_number(1, 1024))
      ->capture_default_str();
  command->add_option("-r", options->repeats, "repeats")->check(whole_number(1, 1000))->capture_default_str();
  add_computing_options(*command, options->model);
  add_json_option(*command, options->json);
  CLI::App* train = add_bench_train(*command);
  command->callback([options, train] {
    if (!train->parsed()) bench(*options);
  });
}

}  // namespace saker::apps
