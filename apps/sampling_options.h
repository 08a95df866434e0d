// The sampling options of generate and chat.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "infer/generation_limits.h"
#include "infer/sampling_params.h"
#include "model/generation_config.h"

namespace saker::apps {

// What the command line gives; what it does not give comes from the model's generation_config.json, then from
// our defaults: temperature 0.8, top_p 0.95, a random seed.
struct SamplingOptions {
  std::optional<double> temperature, top_p, min_p, typical_p, repetition_penalty, presence_penalty, frequency_penalty;
  std::optional<int64_t> top_k;
  std::optional<uint64_t> seed;
  std::vector<std::string> logit_bias;  // "ID:BIAS"
  std::vector<std::string> stop;
  bool ignore_eos = false;
};

// --temperature --top-k --top-p --min-p --typical-p --repetition-penalty --presence-penalty --frequency-penalty
// --logit-bias --seed --stop --ignore-eos
void add_sampling_options(CLI::App& command, SamplingOptions& options);

// Throws CLI::ValidationError (wrong usage) for values out of range.
SamplingParams sampling_params(const SamplingOptions& options, const GenerationConfig& model);

std::vector<int32_t> stop_ids(const SamplingOptions& options, const GenerationConfig& model);

}  // namespace saker::apps
