#include "infer/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/rng.h"

namespace saker {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<double> distribution(const std::vector<float>& logits, const SamplingParams& params,
                                 const std::vector<int32_t>& prompted = {},
                                 const std::vector<int32_t>& generated = {}) {
  const auto v = static_cast<int64_t>(logits.size());
  TokenHistory history(v);
  for (const int32_t id : prompted) history.add_prompted(id);
  for (const int32_t id : generated) history.add_generated(id);
  return Sampler(params, v).distribution(logits, history);
}

std::vector<float> logs(const std::vector<double>& probabilities) {
  std::vector<float> out;
  for (const double p : probabilities) out.push_back(static_cast<float>(std::log(p)));
  return out;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected, double bound = 1e-6) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], bound) << "token " << i;
}

std::string message(const SamplingParams& params) {
  try {
    params.validate(100);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// HF's processors (golden/README.md).
TEST(Sampler, GoldenDistributions) {
  const std::filesystem::path file = SAKER_SOURCE_DIR "/../shared/golden/sampling.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "the golden vectors are not here";
  const auto golden = nlohmann::json::parse(std::ifstream(file));
  for (const auto& test : golden["cases"]) {
    const auto& settings = test["settings"];
    SamplingParams params;
    params.temperature = settings.value("temperature", params.temperature);
    params.top_k = settings.value("top_k", params.top_k);
    params.top_p = settings.value("top_p", params.top_p);
    params.min_p = settings.value("min_p", params.min_p);
    params.typical_p = settings.value("typical_p", params.typical_p);
    params.repetition_penalty = settings.value("repetition_penalty", params.repetition_penalty);
    SCOPED_TRACE(settings.dump());
    expect_near(
        distribution(golden["logits"].get<std::vector<float>>(), params, golden["history"].get<std::vector<int32_t>>()),
        test["probabilities"].get<std::vector<double>>());
  }
}

TEST(Sampler, TopKKeepsTies) {
  expect_near(distribution({1, 3, 2, 3, 2}, {.top_k = 1}), {0, 0.5, 0, 0.5, 0});
  expect_near(distribution({1, 1}, {.top_k = 100}), {0.5, 0.5});
}

TEST(Sampler, TopPStopsWhenTheMassIsReached) {
  const std::vector<float> logits = logs({0.5, 0.25, 0.25});
  expect_near(distribution(logits, {.top_p = 0.49}), {1, 0, 0});
  expect_near(distribution(logits, {.top_p = 0.6}), {2.0 / 3, 0, 1.0 / 3});  // of equals the higher id stays
  expect_near(distribution(logits, {.top_p = 0.8}), {0.5, 0.25, 0.25});
  expect_near(distribution({0, 0, 0, 0}, {.top_p = 1e-9}), {0, 0, 0, 1});
}

TEST(Sampler, MinPIsRelativeToTheLargest) {
  expect_near(distribution(logs({0.6, 0.3, 0.1}), {.min_p = 0.4}), {2.0 / 3, 1.0 / 3, 0});
  expect_near(distribution(logs({0.6, 0.3, 0.1}), {.min_p = 1.0}), {1, 0, 0});
}

TEST(Sampler, TypicalCanDropTheLargest) {
  // Entropy 1.168; information 0.693, 1.386 (four times).. : the four are closer to it.
  expect_near(distribution(logs({0.4, 0.15, 0.15, 0.15, 0.15}), {.typical_p = 0.55}), {0, 0.25, 0.25, 0.25, 0.25});
  expect_near(distribution(logs({0.4, 0.15, 0.15, 0.15, 0.15}), {.typical_p = 0.7}), {0.4, 0.15, 0.15, 0.15, 0.15});
}

TEST(Sampler, PenaltiesByWhatOccurred) {
  const std::vector<float> logits = {2, 2, -2, 0};
  const auto softmax = [](std::vector<double> scores) {
    double total = 0;
    for (double& score : scores) total += score = std::exp(score);
    for (double& score : scores) score /= total;
    return scores;
  };
  expect_near(distribution(logits, {.repetition_penalty = 2.0}, {0, 0}, {2}), softmax({1, 2, -4, 0}));
  expect_near(distribution(logits, {.presence_penalty = 0.5}, {0}, {1, 1, 3}), softmax({2, 1.5, -2, -0.5}));
  expect_near(distribution(logits, {.frequency_penalty = 0.5}, {0}, {1, 1, 3}), softmax({2, 1, -2, -0.5}));
  expect_near(distribution(logits, {.logit_bias = {{0, 1.0f}, {1, -kInfinity}}}), softmax({3, -1e9, -2, 0}));
}

TEST(Sampler, GreedyTakesTheLowestOfEquals) {
  expect_near(distribution({1, 5, 5, 0}, {.temperature = 0.0, .top_k = 1, .top_p = 0.1}), {0, 1, 0, 0});
  expect_near(distribution({1, 5, 5, 0}, {.logit_bias = {{3, 9.0f}}, .temperature = 0.0}), {0, 0, 0, 1});
}

TEST(Sampler, ExtremeTemperatures) {
  expect_near(distribution({1, 5, 4.9f}, {.temperature = 1e-300}), {0, 1, 0});
  expect_near(distribution({3e38f, -3e38f, 3e38f}, {.temperature = 1e300}), {1.0 / 3, 1.0 / 3, 1.0 / 3});
}

TEST(Sampler, RefusesLogitsThatAreNoNumbers) {
  for (const double temperature : {0.0, 1.0}) {
    EXPECT_THROW(distribution({1, NAN, 2}, {.temperature = temperature}), Error);
    EXPECT_THROW(distribution({1, kInfinity, 2}, {.temperature = temperature}), Error);
    EXPECT_THROW(distribution({-kInfinity, -kInfinity}, {.temperature = temperature}), Error);
    expect_near(distribution({-kInfinity, 1}, {.temperature = temperature}), {0, 1});
  }
}

TEST(Sampler, RefusesSettingsOutOfRange) {
  EXPECT_EQ(message({}), "");
  EXPECT_EQ(message({.temperature = -0.5}), "[sampling] temperature: expected a number of at least 0, found -0.5");
  EXPECT_NE(message({.temperature = NAN}), "");
  EXPECT_NE(message({.top_k = -1}), "");
  EXPECT_NE(message({.top_p = 0.0}), "");
  EXPECT_NE(message({.top_p = 1.01}), "");
  EXPECT_NE(message({.min_p = -0.1}), "");
  EXPECT_NE(message({.typical_p = 0.0}), "");
  EXPECT_NE(message({.repetition_penalty = 0.0}), "");
  EXPECT_NE(message({.presence_penalty = INFINITY}), "");
  EXPECT_NE(message({.frequency_penalty = NAN}), "");
  EXPECT_NE(message({.logit_bias = {{100, 1.0f}}}), "");
  EXPECT_NE(message({.logit_bias = {{-1, 1.0f}}}), "");
  EXPECT_NE(message({.logit_bias = {{1, kInfinity}}}), "");
}

TEST(Sampler, DrawsFollowTheDistribution) {
  const std::vector<float> logits = {0.3f, -1.2f, 2.0f, 0.0f, 1.1f, -0.4f};
  const SamplingParams params{.temperature = 0.9, .top_p = 0.95, .seed = 42};
  const std::vector<double> expected = distribution(logits, params);
  Sampler sampler(params, 6);
  const TokenHistory history(6);
  const int draws = 20000;
  std::vector<int> counts(6);
  for (int i = 0; i < draws; ++i)
    ++counts[static_cast<size_t>(sampler.sample(logits, history, 0, static_cast<uint64_t>(i)))];
  double chi_square = 0.0;
  for (size_t i = 0; i < 6; ++i) {
    if (expected[i] == 0.0) {
      EXPECT_EQ(counts[i], 0);
      continue;
    }
    chi_square += std::pow(counts[i] - draws * expected[i], 2) / (draws * expected[i]);
  }
  EXPECT_LT(chi_square, 18.5);  // 0.1 % of samples of four degrees of freedom exceed it
  EXPECT_GT(chi_square, 0.05);
}

TEST(Sampler, ADrawDependsOnSeedSequenceAndPosition) {
  const std::vector<float> logits(1000, 0.0f);
  const TokenHistory history(1000);
  const auto draw = [&](uint64_t seed, uint64_t sequence, uint64_t position) {
    return Sampler({.seed = seed}, 1000).sample(logits, history, sequence, position);
  };
  const int32_t first = draw(1, 2, 3);
  EXPECT_EQ(draw(1, 2, 3), first);
  EXPECT_NE(draw(2, 2, 3), first);
  EXPECT_NE(draw(1, 3, 3), first);
  EXPECT_NE(draw(1, 2, 4), first);
  Sampler used({.seed = 1}, 1000);
  used.sample(logits, history, 9, 9);
  EXPECT_EQ(used.sample(logits, history, 2, 3), first);
}

// The shortcuts for large vocabularies against HF's rules, written plainly.
TEST(Sampler, LargeVocabulary) {
  std::vector<float> logits;
  const Rng rng(5);
  for (uint64_t i = 0; i < 65024; ++i) logits.push_back(static_cast<float>(2.0 * rng.normal(i)));
  std::vector<double> p = distribution(logits, {});
  std::vector<size_t> order(p.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] < p[b]; });
  double below = 0.0, kept = 0.0;
  std::vector<double> expected(p.size());
  for (const size_t i : order) {
    below += p[i];
    if (below > 1.0 - 0.9) kept += expected[i] = p[i];
  }
  for (double& value : expected) value /= kept;
  expect_near(distribution(logits, {.top_p = 0.9}), expected, 1e-9);

  std::vector<double> top_k(p.size());
  double mass = 0.0;
  for (size_t i = order.size() - 50; i < order.size(); ++i) mass += p[order[i]];
  for (size_t i = order.size() - 50; i < order.size(); ++i) top_k[order[i]] = p[order[i]] / mass;
  expect_near(distribution(logits, {.top_k = 50}), top_k, 1e-9);
}

}  // namespace
}  // namespace saker
