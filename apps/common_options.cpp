#include "apps/common_options.h"

#include <algorithm>
#include <thread>

#include "apps/option_checks.h"
#include "ops/op_table.h"

namespace saker::apps {

void add_device_options(CLI::App& command, DeviceOptions& options) {
  command.add_option("--device", options.device, "where to run: auto, cpu, cuda or cuda:N")->capture_default_str();
  add_threads_option(command, "--threads", "threads on the CPU", options.threads);
}

Backend open_device(const DeviceOptions& options) {
  return saker::open_device(options.device, options.threads);
}

void add_threads_option(CLI::App& command, const std::string& name, const std::string& what, int& threads) {
  threads = 0;
  command.add_option(name, threads, what + " (0: one per core)")->check(whole_number(0, 1024))->capture_default_str();
}

int threads_of(int threads) {
  return threads > 0 ? threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
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
          "weights as held and multiplied: f32, bf16 or f16 (default: as stored); q8, q4 or fp8 round them, for GPUs")
      ->check(CLI::IsMember({"f32", "bf16", "f16", "q8", "q4", "fp8"}));
}

void add_model_option(CLI::App& command, std::string& folder) {
  command.add_option("--model", folder, "model folder: config.json, safetensors, tokenizer.json")
      ->required()
      ->check(not_empty());
}

CLI::App& add_command_group(CLI::App& app, const std::string& name, const std::string& description) {
  CLI::App* group = app.add_subcommand(name, description);
  group->require_subcommand(1);
  return *group;
}

void add_json_option(CLI::App& command, bool& json) {
  command.add_flag("--json", json, "print one JSON object as the last line of stdout");
}

}  // namespace saker::apps
