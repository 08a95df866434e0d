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

// --dtype f32|bf16|f16; empty: as stored.
void add_dtype_option(CLI::App& command, std::optional<DType>& dtype);
// --dtype f32|bf16|f16|q8|q4: the same for what computes.
void add_computing_dtype_option(CLI::App& command, std::optional<DType>& dtype);

// --model DIR, required.
void add_model_option(CLI::App& command, std::string& folder);

// --json
void add_json_option(CLI::App& command, bool& json);

}  // namespace saker::apps
