#include "apps/sampling_options.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <random>

#include "apps/option_checks.h"
#include "core/error.h"

namespace saker::apps {

namespace {

constexpr double kTemperature = 0.8, kTopP = 0.95;

template <class T>
bool parse(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::pair<int32_t, float> parse_bias(const std::string& text) {
  std::pair<int32_t, float> bias;
  const size_t colon = text.find(':');
  if (colon == std::string::npos || !parse(std::string_view(text).substr(0, colon), bias.first) ||
      !parse(std::string_view(text).substr(colon + 1), bias.second))
    throw CLI::ValidationError(
        "--logit-bias", fmt::format("expected ID:BIAS, for example 13:-2.5 or 13:-inf, found {}", saker::quoted(text)));
  return bias;
}

uint64_t random_seed() {
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

}  // namespace

void add_sampling_options(CLI::App& command, SamplingOptions& options) {
  const auto add = [&](const char* name, auto& value, const char* what) {
    return command.add_option(name, value, what)->group("Sampling");
  };
  add("--temperature", options.temperature, "0: always the most probable token (default: the model's, or 0.8)")
      ->check(number());
  add("--top-k", options.top_k, "only the K most probable tokens; 0: all")->check(whole_number(0));
  add("--top-p", options.top_p, "only the most probable tokens that add up to P (default: the model's, or 0.95)")
      ->check(number());
  add("--min-p", options.min_p, "only tokens at least P times as probable as the most probable")->check(number());
  add("--typical-p", options.typical_p, "only the most typical tokens that add up to P")->check(number());
  add("--repetition-penalty", options.repetition_penalty, "weakens tokens of the prompt and the text; 1: off")
      ->check(number());
  add("--presence-penalty", options.presence_penalty, "subtracted from the logits of tokens of the text")
      ->check(number());
  add("--frequency-penalty", options.frequency_penalty, "subtracted as often as the token occurs in the text")
      ->check(number());
  add("--logit-bias", options.logit_bias, "ID:BIAS, added to the logit of a token; -inf forbids it; repeatable");
  add("--seed", options.seed, "of the random draws (default: random)")->check(seed_number());
  command.add_option("--stop", options.stop, "end before this text; repeatable")->group("Sampling")->check(not_empty());
  command.add_flag("--ignore-eos", options.ignore_eos, "go on after an end-of-text token")->group("Sampling");
}

SamplingParams sampling_params(const SamplingOptions& options, const GenerationConfig& model) {
  SamplingParams params;
  const bool greedy = model.do_sample.has_value() && !*model.do_sample;
  params.temperature = options.temperature.value_or(greedy ? 0.0 : model.temperature.value_or(kTemperature));
  params.top_k = options.top_k.value_or(model.top_k.value_or(params.top_k));
  params.top_p = options.top_p.value_or(model.top_p.value_or(kTopP));
  params.min_p = options.min_p.value_or(model.min_p.value_or(params.min_p));
  params.typical_p = options.typical_p.value_or(model.typical_p.value_or(params.typical_p));
  params.repetition_penalty =
      options.repetition_penalty.value_or(model.repetition_penalty.value_or(params.repetition_penalty));
  params.presence_penalty = options.presence_penalty.value_or(params.presence_penalty);
  params.frequency_penalty = options.frequency_penalty.value_or(params.frequency_penalty);
  for (const std::string& text : options.logit_bias) params.logit_bias.insert(parse_bias(text));
  params.seed = options.seed ? *options.seed : random_seed();
  try {
    params.validate(std::numeric_limits<int32_t>::max());
  } catch (const Error& error) {
    throw CLI::ValidationError(error.what());
  }
  return params;
}

std::vector<int32_t> stop_ids(const SamplingOptions& options, const GenerationConfig& model) {
  return options.ignore_eos ? std::vector<int32_t>() : model.eos_token_ids;
}

}  // namespace saker::apps
