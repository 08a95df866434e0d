// saker inspect: what a model folder holds.

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/common_options.h"
#include "model/checkpoint.h"
#include "model/generation_config.h"

namespace saker::apps {

namespace {

using Json = nlohmann::ordered_json;

// "backbone.layers.3.mixer.in_proj.weight" -> "in_proj": the same part of every layer.
std::string part_of(std::string_view name) {
  for (std::string_view prefix : {"backbone.", "layers."})
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
  while (!name.empty() && (name.front() == '.' || (name.front() >= '0' && name.front() <= '9'))) name.remove_prefix(1);
  if (name.starts_with("mixer.")) name.remove_prefix(6);
  return std::string(name.substr(0, name.find('.')));
}

Json dtypes_and_parts(const Weights& weights) {
  Json found{{"parameters", weights.config.parameters()}, {"parts", Json::object()}, {"dtypes", Json::object()}};
  int64_t weight_bytes = 0, tensors = 0;
  for_each_tensor(weights, [&](const TensorSpec& spec, const ConstTensorView& view) {
    const int64_t elements = spec.shape.elements(), bytes = elements * static_cast<int64_t>(size_of(view.dtype));
    const auto add = [](Json& counter, int64_t more) {
      counter = (counter.is_null() ? 0 : counter.get<int64_t>()) + more;
    };
    add(found["parts"][part_of(spec.name)], elements);
    Json& dtype = found["dtypes"][std::string(name(view.dtype))];
    add(dtype["tensors"], 1);
    add(dtype["bytes"], bytes);
    weight_bytes += bytes;
    ++tensors;
  });
  found["tensors"] = tensors;
  found["weight_bytes"] = weight_bytes;
  return found;
}

Json examine(const std::string& folder) {
  const Weights weights = load_checkpoint(folder);
  const GenerationConfig generation = load_generation_config(folder, weights.config);
  Json found{{"model", folder}, {"config", Json::parse(write_config(weights.config))}};
  found.update(dtypes_and_parts(weights));
  found["state_bytes"] = weights.config.state_bytes();
  found["stop_ids"] = generation.eos_token_ids;
  std::error_code ignored;
  found["tokenizer"] = std::filesystem::exists(std::filesystem::path(folder) / "tokenizer.json", ignored);
  return found;
}

std::string mebibytes(const Json& bytes) {
  return fmt::format("{:.1f} MiB", bytes.get<double>() / (1 << 20));
}

void print(const Json& found) {
  const auto line = [](std::string_view key, const auto& value) { fmt::print("{:<28}{}\n", key, value); };
  for (const auto& [key, value] : found["config"].items())
    line(key, value.is_string() ? value.get<std::string>() : value.dump());
  fmt::print("\n");
  line("parameters", found["parameters"].get<int64_t>());
  for (const auto& [part, count] : found["parts"].items()) line("  " + part, count.get<int64_t>());
  line("tensors", found["tensors"].get<int64_t>());
  for (const auto& [dtype, held] : found["dtypes"].items())
    line("  " + dtype, fmt::format("{} in {} tensors", mebibytes(held["bytes"]), held["tensors"].get<int64_t>()));
  line("weights", mebibytes(found["weight_bytes"]));
  line("state of one sequence", mebibytes(found["state_bytes"]));
  line("ids that end a text", found["stop_ids"].dump());
  line("tokenizer", found["tokenizer"].get<bool>() ? "tokenizer.json" : "none");
}

}  // namespace

void add_inspect(CLI::App& app) {
  struct Options {
    std::string model;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("inspect", "what a model folder holds");
  command->footer("Example: saker inspect --model falcon-mamba-7b");
  add_model_option(*command, options->model);
  add_json_option(*command, options->json);
  command->callback([options] {
    const Json found = examine(options->model);
    options->json ? fmt::print("{}\n", found.dump()) : print(found);
  });
}

}  // namespace saker::apps
