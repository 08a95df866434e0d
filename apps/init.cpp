// saker init: a checkpoint folder with initialised weights.

#include <fmt/format.h>

#include <memory>

#include "apps/commands.h"
#include "apps/common_options.h"
#include "apps/option_checks.h"
#include "apps/save_options.h"
#include "core/error.h"
#include "io/atomic_file.h"
#include "io/read_file.h"
#include "model/checkpoint.h"
#include "tokenizer/byte_tokenizer.h"
#include "tokenizer/tokenizer.h"

namespace saker::apps {

namespace {

namespace fs = std::filesystem;

struct InitOptions {
  std::string config, tokenizer, scheme = "huggingface";
  uint64_t seed = 0;
  SaveCommandOptions save;
};

ModelConfig read_config(const InitOptions& options) {
  const fs::path path = options.config;
  return parse_config(read_file(path), saker::quoted(path.native(), 400));
}

// The text of the tokenizer to ship, checked against the model; empty if bytes do not fit its vocabulary.
std::string tokenizer_text(const InitOptions& options, const ModelConfig& config) {
  if (options.tokenizer.empty()) {
    if (config.vocab_size < byte_tokenizer_size) return "";
    const int32_t end_of_text = config.eos_token_ids.empty() ? 0 : config.eos_token_ids.front();
    SAKER_CHECK(end_of_text < config.vocab_size, ErrorCode::invalid_argument,
                "[init] expected an eos_token_id below the vocabulary of {}, found {}", config.vocab_size, end_of_text);
    return byte_tokenizer_json(end_of_text);
  }
  std::string text = read_file(options.tokenizer);
  const auto tokens = static_cast<int64_t>(Tokenizer::from_json(text).vocab_size());
  SAKER_CHECK(tokens <= config.vocab_size, ErrorCode::invalid_argument,
              "[init] expected a tokenizer of at most {} tokens, the model's vocabulary, found one of {}",
              config.vocab_size, tokens);
  return text;
}

void write_tokenizer(const InitOptions& options, const std::string& text, int64_t vocab_size) {
  const fs::path out = options.save.out;
  if (text.empty()) {
    fmt::print(stderr, "saker: no tokenizer written: a vocabulary of {} holds no token per byte ({} are needed)\n",
               vocab_size, byte_tokenizer_size);
    return;
  }
  replace_file(out / "tokenizer.json", text);
  if (options.tokenizer.empty()) replace_file(out / "tokenizer_config.json", byte_tokenizer_config_json());
}

void init(const InitOptions& options) {
  const ModelConfig config = read_config(options);
  const std::string tokenizer = tokenizer_text(options, config);
  const DType dtype = config.stored_dtype;
  save_with_progress(options.save, dtype, [&](const SaveOptions& save) {
    init_checkpoint(config, options.seed, options.save.out, save, *init_scheme_from_name(options.scheme));
  });
  write_tokenizer(options, tokenizer, config.vocab_size);
  fmt::print("{}: {} parameters, {}\n", options.save.out, config.parameters(),
             name(options.save.dtype.value_or(dtype)));
}

}  // namespace

void add_init(CLI::App& app) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* command = app.add_subcommand("init", "write a model folder with initialised weights");
  command->footer("Example: saker init --config config.json --seed 1 --dtype bf16 --out my-model");
  command->add_option("--config", options->config, "config.json of the model")->required();
  command->add_option("--seed", options->seed, "the weights are a function of it")
      ->check(seed_number())
      ->capture_default_str();
  command->add_option("--init", options->scheme, "how: huggingface, or mamba as for training from scratch")
      ->check(CLI::IsMember({"huggingface", "mamba"}))
      ->capture_default_str();
  command->add_option("--tokenizer", options->tokenizer, "tokenizer.json to ship (default: a token per byte)");
  add_save_options(*command, options->save, "what the config says");
  command->callback([options] { init(*options); });
}

}  // namespace saker::apps
