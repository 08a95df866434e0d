// Options that commands share: names and meanings are the same everywhere.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "core/dtype.h"
#include "device/backend.h"

namespace saker::apps {

struct DeviceOptions {
  std::string device = "auto";  // auto, cpu, cuda, cuda:N
  int threads = 0;              // 0: one per core
};
// --device, --threads
void add_device_options(CLI::App& command, DeviceOptions& options);
// The backend for them; throws invalid_argument for a device that is not there.
Backend open_device(const DeviceOptions& options);

// --threads or a like name: 0 (the default) to 1024, `what` they do. threads_of: the number that 0 stands for.
void add_threads_option(CLI::App& command, const std::string& name, const std::string& what, int& threads);
int threads_of(int threads);

// --dtype f32|bf16|f16; empty: as stored.
void add_dtype_option(CLI::App& command, std::optional<DType>& dtype);
// --dtype f32|bf16|f16|q8|q4|fp8: the same for what computes.
void add_computing_dtype_option(CLI::App& command, std::optional<DType>& dtype);

// --model DIR, required.
void add_model_option(CLI::App& command, std::string& folder);

// A command whose sub-commands do the work: one of them must be given.
CLI::App& add_command_group(CLI::App& app, const std::string& name, const std::string& description);

// --json
void add_json_option(CLI::App& command, bool& json);

}  // namespace saker::apps
