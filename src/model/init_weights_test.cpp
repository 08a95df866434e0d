#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/temporary_folder.h"
#include "model/checkpoint.h"

namespace saker {
namespace {

ModelConfig small() {
  ModelConfig config;
  config.vocab_size = 1000;
  config.d_model = 64;
  config.n_layer = 4;
  config.d_inner = 512;
  config.dt_rank = 16;
  config.use_bias = true;
  config.tied_embeddings = false;
  return config;
}

struct Statistics {
  double mean = 0, deviation = 0, min = INFINITY, max = -INFINITY;
};

Statistics statistics(const ConstTensorView& view) {
  Statistics s;
  const auto count = static_cast<double>(view.shape.elements());
  double squares = 0;
  for (int64_t i = 0; i < view.shape.elements(); ++i) {
    const double value = load_element(view.data, view.dtype, i);
    s.mean += value / count;
    squares += value * value / count;
    s.min = std::min(s.min, value);
    s.max = std::max(s.max, value);
  }
  s.deviation = std::sqrt(std::max(0.0, squares - s.mean * s.mean));
  return s;
}

// Neighbours, and elements of different blocks of random words, know nothing of each other.
void expect_uncorrelated(const ConstTensorView& view, double deviation, const char* name) {
  for (int64_t lag : {1, 2, 3, 4, 4096}) {
    const int64_t count = view.shape.elements() - lag;
    double sum = 0;
    for (int64_t i = 0; i < count; ++i)
      sum += load_element(view.data, view.dtype, i) * load_element(view.data, view.dtype, i + lag);
    const double correlation = sum / (static_cast<double>(count) * deviation * deviation);
    EXPECT_NEAR(correlation, 0, 5 / std::sqrt(static_cast<double>(count))) << name << " at a distance of " << lag;
  }
}

// Bounds of five standard errors.
void expect_normal(const ConstTensorView& view, double deviation, const char* name) {
  const Statistics s = statistics(view);
  const double count = static_cast<double>(view.shape.elements());
  EXPECT_NEAR(s.mean, 0, 5 * deviation / std::sqrt(count)) << name;
  EXPECT_NEAR(s.deviation, deviation, 5 * deviation / std::sqrt(2 * count)) << name;
  EXPECT_GT(s.max, 3 * deviation) << name;
  EXPECT_LT(s.max, 7 * deviation) << name;
}

void expect_uniform(const ConstTensorView& view, double bound, const char* name) {
  const Statistics s = statistics(view);
  const double count = static_cast<double>(view.shape.elements());
  EXPECT_NEAR(s.mean, 0, 5 * bound / std::sqrt(3 * count)) << name;
  EXPECT_NEAR(s.deviation, bound / std::sqrt(3.0), 5 * bound / std::sqrt(count)) << name;
  EXPECT_GE(s.min, -bound * 1.000001) << name;
  EXPECT_LE(s.max, bound * 1.000001) << name;
  EXPECT_GT(s.max, 0.9 * bound) << name;
}

void expect_constant(const ConstTensorView& view, double value, const char* name) {
  const Statistics s = statistics(view);
  EXPECT_EQ(s.min, value) << name;
  EXPECT_EQ(s.max, value) << name;
}

TEST(InitWeights, FollowsTheDistributionsOfTheSpecification) {
  const Weights weights = init_weights(small(), 7, DType::f32);
  expect_normal(weights.embeddings, 0.1, "embeddings");
  expect_normal(weights.lm_head, 0.1, "lm_head");
  expect_uncorrelated(weights.embeddings, 0.1, "embeddings");
  expect_uncorrelated(weights.layers[0].out_proj, 1 / std::sqrt(3 * 512.0), "out_proj");
  expect_constant(weights.norm_f, 1, "norm_f");
  for (const LayerWeights& layer : weights.layers) {
    expect_constant(layer.norm, 1, "norm");
    expect_normal(layer.in_proj, 0.1, "in_proj");
    expect_normal(layer.x_proj, 0.1, "x_proj");
    expect_uniform(layer.conv1d, 0.5, "conv1d");
    expect_uniform(layer.dt_proj, 0.25, "dt_proj");
    expect_uniform(layer.out_proj, 1 / std::sqrt(512.0), "out_proj");
    expect_constant(layer.D, 1, "D");
    for (const ConstTensorView& bias : {layer.in_proj_bias, layer.conv1d_bias, layer.out_proj_bias})
      expect_constant(bias, 0, "bias");
    for (int64_t i = 0; i < 64; ++i)
      EXPECT_FLOAT_EQ(layer.A_log.as<float>()[i], std::log(static_cast<float>(i % 16 + 1)));
  }
}

TEST(InitWeights, TheSchemeOfMambasAuthors) {
  const Weights weights = init_weights(small(), 7, DType::f32, 0, InitScheme::mamba);
  expect_normal(weights.embeddings, 0.02, "embeddings");
  expect_uniform(weights.lm_head, 1 / std::sqrt(64.0), "lm_head");
  for (const LayerWeights& layer : weights.layers) {
    expect_uniform(layer.in_proj, 1 / std::sqrt(64.0), "in_proj");
    expect_uniform(layer.x_proj, 1 / std::sqrt(512.0), "x_proj");
    expect_uniform(layer.conv1d, 0.5, "conv1d");
    expect_uniform(layer.conv1d_bias, 0.5, "conv1d_bias");
    expect_uniform(layer.dt_proj, 0.25, "dt_proj");
    expect_uniform(layer.out_proj, 1 / std::sqrt(512.0 * 4), "out_proj");
    for (const ConstTensorView& bias : {layer.in_proj_bias, layer.out_proj_bias}) expect_constant(bias, 0, "bias");
    expect_constant(layer.D, 1, "D");
  }
  EXPECT_EQ(init_scheme_from_name("mamba"), InitScheme::mamba);
  EXPECT_EQ(init_scheme_from_name("other"), std::nullopt);
}

TEST(InitWeights, TimeStepsAreLogUniformBetweenTheBounds) {
  const Weights weights = init_weights(small(), 7, DType::f32);
  double mean = 0;
  for (int64_t i = 0; i < 512; ++i) {
    const double step = std::log1p(std::exp(weights.layers[2].dt_proj_bias.as<float>()[i]));
    EXPECT_GE(step, 0.001 * 0.999);
    EXPECT_LE(step, 0.1 * 1.001);
    mean += std::log(step) / 512;
  }
  const double low = std::log(0.001), high = std::log(0.1);
  EXPECT_NEAR(mean, (low + high) / 2, 5 * (high - low) / std::sqrt(12.0 * 512));
}

TEST(InitWeights, OptionsOfTheConfig) {
  ModelConfig config = small();
  config.time_step_constant = true;
  config.time_step_scale = 2.0f;
  config.rescale_prenorm_residual = true;
  config.initializer_range = 0.02f;
  config.time_step_floor = 0.05f;
  const Weights weights = init_weights(config, 7, DType::f32);
  expect_constant(weights.layers[0].dt_proj, 0.5, "dt_proj");
  expect_uniform(weights.layers[0].out_proj, 1 / std::sqrt(512.0 * 4), "out_proj");
  expect_normal(weights.embeddings, 0.02, "embeddings");
  EXPECT_NEAR(std::log1p(std::exp(statistics(weights.layers[0].dt_proj_bias).min)), 0.05, 1e-5);
}

std::vector<std::byte> bytes_of(const Weights& weights) {
  std::vector<std::byte> bytes;
  for_each_tensor(weights, [&](const TensorSpec&, const ConstTensorView& view) {
    const auto* data = view.as<std::byte>();
    bytes.insert(bytes.end(), data, data + view.shape.elements() * static_cast<int64_t>(size_of(view.dtype)));
  });
  return bytes;
}

TEST(InitWeights, IsAFunctionOfTheSeedWhateverTheThreads) {
  const auto one = bytes_of(init_weights(small(), 7, DType::bf16, 1));
  const auto three = bytes_of(init_weights(small(), 7, DType::bf16, 3));
  EXPECT_TRUE(one == three);
  EXPECT_FALSE(one == bytes_of(init_weights(small(), 8, DType::bf16)));
}

TEST(InitWeights, NoTwoTensorsAreAlike) {
  const Weights weights = init_weights(small(), 7, DType::f32);
  EXPECT_NE(weights.layers[0].in_proj.as<float>()[0], weights.layers[1].in_proj.as<float>()[0]);
  EXPECT_NE(weights.embeddings.as<float>()[0], weights.lm_head.as<float>()[0]);
}

TEST(InitWeights, StreamedToFilesItIsTheSame) {
  TemporaryFolder folder;
  ModelConfig config = small();
  config.vocab_size = 140'000;  // embeddings of more than one piece
  init_checkpoint(config, 7, folder.path(), {DType::f16, 500'000, {}});
  EXPECT_TRUE(bytes_of(load_checkpoint(folder.path())) == bytes_of(init_weights(config, 7, DType::f16)));
}

}  // namespace
}  // namespace saker
