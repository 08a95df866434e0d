#include "apps/model_options.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "model/checkpoint.h"

namespace saker::apps {

void add_computing_options(CLI::App& command, ModelOptions& options) {
  add_computing_dtype_option(command, options.dtype);
  add_device_options(command, options.device);
  command.add_flag("--verbose", options.verbose, "say more on stderr");
}

void add_model_options(CLI::App& command, ModelOptions& options) {
  add_model_option(command, options.folder);
  add_computing_options(command, options);
}

FalconMamba load_model(const ModelOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  FalconMamba model(load_checkpoint(options.folder), open_device(options.device), options.dtype);
  if (options.verbose) {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    fmt::print(stderr, "{}: {} parameters, {}, {} backend, {} threads, loaded in {:.2f} s\n", options.folder,
               model.config().parameters(), name(model.weights_dtype()), name(model.backend().kind),
               model.backend().threads, seconds.count());
  }
  return model;
}

Tokenizer load_tokenizer(const ModelOptions& options) {
  return Tokenizer::from_file(std::filesystem::path(options.folder) / "tokenizer.json");
}

}  // namespace saker::apps
