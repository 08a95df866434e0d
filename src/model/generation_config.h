// How a model's authors want it sampled: generation_config.json of a model folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"

namespace saker {

// A value is absent where the file does not give one.
struct GenerationConfig {
  int32_t bos_token_id = -1;  // -1: none
  std::vector<int32_t> eos_token_ids;
  int32_t pad_token_id = -1;  // -1: none
  std::optional<bool> do_sample;
  std::optional<double> temperature, top_p, min_p, typical_p, repetition_penalty;
  std::optional<int64_t> top_k, max_new_tokens;
};

// Token ids that the text does not give are those of `config`. Throws corrupt_data as parse_config does.
GenerationConfig parse_generation_config(std::string_view json, const ModelConfig& config, std::string_view from);
// Without a generation_config.json in the folder, only the ids of `config`.
GenerationConfig load_generation_config(const std::filesystem::path& folder, const ModelConfig& config);
// The ids alone.
std::string write_generation_config(const ModelConfig& config);

}  // namespace saker
