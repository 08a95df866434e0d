#include "apps/common_options.h"

#include "apps/option_checks.h"
#include "ops/op_table.h"

namespace saker::apps {

void add_device_options(CLI::App& command, DeviceOptions& options) {
  command.add_option("--device", options.device, "where to run: auto, cpu, cuda or cuda:N")->capture_default_str();
  command.add_option("--threads", options.threads, "threads on the CPU (0: one per core)")
      ->check(whole_number(0, 1024))
      ->capture_default_str();
}

Backend open_device(const DeviceOptions& options) {
  return saker::open_device(options.device, options.threads);
}

void add_dtype_option(CLI::App& command, std::optional<DType>& dtype) {
  command
      .add_option_function<std::string>(
          "--dtype", [&dtype](const std::string& name) { dtype = dtype_from_name(name); },
          "weights as held and multiplied: f32, bf16 or f16 (default: as stored)")
      ->check(CLI::IsMember({"f32", "bf16", "f16"}));
}

void add_computing_dtype_option(CLI::App& command, std::optional<DType>& dtype) {
  command
      .add_option_function<std::string>(
          "--dtype", [&dtype](const std::string& name) { dtype = dtype_from_name(name); },
          "weights as held and multiplied: f32, bf16 or f16 (default: as stored); q8 or q4 round them, for GPUs")
      ->check(CLI::IsMember({"f32", "bf16", "f16", "q8", "q4"}));
}

void add_model_option(CLI::App& command, std::string& folder) {
  command.add_option("--model", folder, "model folder: config.json, safetensors, tokenizer.json")
      ->required()
      ->check(not_empty());
}

void add_json_option(CLI::App& command, bool& json) {
  command.add_flag("--json", json, "print one JSON object as the last line of stdout");
}

}  // namespace saker::apps
