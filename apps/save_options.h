// Saving a model from a command: its options, a progress line, and Ctrl-C that leaves no unfinished file behind.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "model/checkpoint.h"

namespace saker::apps {

struct SaveCommandOptions {
  std::string out;
  std::optional<DType> dtype;
  uint64_t shard_bytes = static_cast<uint64_t>(SaveOptions{}.shard_bytes);
};

// --out, --dtype, --max-shard-size. `standard_dtype` says what --dtype defaults to.
void add_save_options(CLI::App& command, SaveCommandOptions& options, const std::string& standard_dtype);

// Runs `save` with what to hand to save_checkpoint. After Ctrl-C its progress throws `cancelled`.
void save_with_progress(const SaveCommandOptions& options, DType standard_dtype,
                        const std::function<void(const SaveOptions&)>& save);

}  // namespace saker::apps
