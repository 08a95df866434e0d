// saker doctor: what this machine has, and what Saker would use of it.

#include <fmt/format.h>
#include <hwy/targets.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/common_options.h"
#include "device/gpu.h"
#include "ops/op_table.h"

namespace saker::apps {

namespace {

// The value after "key : " in a file of such lines; empty if there is none.
std::string value_of(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const size_t begin = line.find_first_not_of(" \t", line.find(':') + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

int64_t kibibytes(const std::string& text) {
  return std::atoll(text.c_str());
}

// What there is, or why there is nothing.
nlohmann::ordered_json gpus() {
  const std::vector<GpuInfo> found = list_gpus();
  if (found.empty()) return why_no_gpu();
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const GpuInfo& gpu : found)
    out.push_back({{"device", fmt::format("cuda:{}", gpu.index)},
                   {"name", gpu.name},
                   {"compute_capability", fmt::format("{}.{}", gpu.major, gpu.minor)},
                   {"multiprocessors", gpu.multiprocessors},
                   {"memory_bytes", gpu.memory_bytes},
                   {"memory_free_bytes", gpu.free_bytes}});
  return out;
}

nlohmann::ordered_json examine(const Backend& backend) {
  std::vector<std::string> supported;
  for (int64_t target : hwy::SupportedAndGeneratedTargets()) supported.emplace_back(hwy::TargetName(target));
  return {
      {"version", SAKER_VERSION},
      {"cpu", value_of("/proc/cpuinfo", "model name")},
      {"memory_bytes", kibibytes(value_of("/proc/meminfo", "MemTotal")) * 1024},
      {"memory_available_bytes", kibibytes(value_of("/proc/meminfo", "MemAvailable")) * 1024},
      {"huge_pages", first_line("/sys/kernel/mm/transparent_hugepage/enabled")},
      {"instruction_sets", supported},
      {"backend", name(backend.kind)},
      {"threads", backend.threads},
      {"instruction_set", supported.empty() ? "" : supported.front()},
      {"bf16_products",
       value_of("/proc/cpuinfo", "flags").find("avx512_bf16") != std::string::npos ? "native" : "widened"},
      {"gpus", gpus()},
  };
}

void print(const nlohmann::ordered_json& found) {
  for (const auto& [key, value] : found.items()) {
    if (key == "gpus" && value.is_array())
      for (const auto& gpu : value)
        fmt::print("{:<24}{}, compute capability {}, {:.1f} of {:.1f} GiB free\n", gpu["device"].get<std::string>(),
                   gpu["name"].get<std::string>(), gpu["compute_capability"].get<std::string>(),
                   gpu["memory_free_bytes"].get<double>() / (1 << 30), gpu["memory_bytes"].get<double>() / (1 << 30));
    else if (key.ends_with("_bytes"))
      fmt::print("{:<24}{:.1f} GiB\n", key.substr(0, key.size() - 6), value.get<double>() / (1 << 30));
    else
      fmt::print("{:<24}{}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
  }
}

}  // namespace

void add_doctor(CLI::App& app) {
  struct Options {
    DeviceOptions device;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("doctor", "what this machine has and what Saker would use");
  command->footer("Example: saker doctor --json");
  add_device_options(*command, options->device);
  add_json_option(*command, options->json);
  command->callback([options] {
    const nlohmann::ordered_json found = examine(open_device(options->device));
    options->json ? fmt::print("{}\n", found.dump()) : print(found);
  });
}

}  // namespace saker::apps
