#include <cmath>
#include <nlohmann/json.hpp>

#include "conformance/conformance.h"
#include "core/error.h"
#include "infer/sampler.h"
#include "io/json.h"
#include "io/read_file.h"

namespace saker::conformance {

namespace {

// HF computes scores in f32: a relative error of its epsilon per unit of logit.
constexpr double kBound = 1e-6;

SamplingParams params_of(const nlohmann::json& settings) {
  SamplingParams params;
  for (const auto& [name, value] : settings.items()) {
    if (name == "temperature")
      params.temperature = value;
    else if (name == "top_k")
      params.top_k = value;
    else if (name == "top_p")
      params.top_p = value;
    else if (name == "min_p")
      params.min_p = value;
    else if (name == "typical_p")
      params.typical_p = value;
    else if (name == "repetition_penalty")
      params.repetition_penalty = value;
    else
      fail(ErrorCode::unsupported, "[conformance] sampling.json: unknown setting {}", saker::quoted(name));
  }
  return params;
}

}  // namespace

void check_sampling(const std::filesystem::path& golden, Report& report) {
  const auto file = golden / "sampling.json";
  if (!std::filesystem::exists(file)) return;
  const nlohmann::json vectors = parse_json(read_file(file), "conformance", "sampling.json");
  const auto logits = vectors.at("logits").get<std::vector<float>>();
  const auto v = static_cast<int64_t>(logits.size());
  TokenHistory history(v);
  for (const int32_t id : vectors.at("history")) history.add_prompted(id);
  for (const nlohmann::json& test : vectors.at("cases")) {
    const auto expected = test.at("probabilities").get<std::vector<double>>();
    const std::vector<double> got = Sampler(params_of(test.at("settings")), v).distribution(logits, history);
    double worst = expected.size() == got.size() ? 0.0 : INFINITY;
    for (size_t i = 0; i < got.size() && i < expected.size(); ++i)
      worst = std::max(worst, std::abs(got[i] - expected[i]));
    report.check("sampling " + test.at("settings").dump(), worst, kBound);
  }
}

}  // namespace saker::conformance
