// The options of every command that runs a model, and what they load.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "apps/common_options.h"
#include "model/falcon_mamba.h"
#include "tokenizer/tokenizer.h"

namespace saker::apps {

struct ModelOptions {
  std::string folder;
  std::optional<DType> dtype;
  DeviceOptions device;
  bool verbose = false;
};

// --model --dtype --device --threads --verbose
void add_model_options(CLI::App& command, ModelOptions& options);
// The same without --model.
void add_computing_options(CLI::App& command, ModelOptions& options);

// Loads the checkpoint; says what and how long on stderr if verbose.
FalconMamba load_model(const ModelOptions& options);
Tokenizer load_tokenizer(const ModelOptions& options);

}  // namespace saker::apps
