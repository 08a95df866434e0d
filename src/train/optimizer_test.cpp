#include "train/optimizer.h"

#include <gtest/gtest.h>

#include "model/tiny_model.h"

namespace saker {
namespace {

Parameters tiny_parameters() {
  ModelConfig config = tiny_config();
  config.use_bias = true;
  return Parameters(init_weights(config, 7, DType::f32, 0, InitScheme::mamba), DType::f32, /*rounded=*/false, 2);
}

std::vector<float> copy(ConstTensorView view) {
  return {view.as<float>(), view.as<float>() + view.shape.elements()};
}

TEST(Optimizer, DecaysMatricesAndEmbeddingsAlone) {
  Parameters parameters = tiny_parameters();
  Optimizer optimizer(parameters, {.weight_decay = 0.5});
  Stream stream(open_backend(2));
  std::vector<std::vector<float>> before;
  for (const Parameter& parameter : parameters.all()) before.push_back(copy(parameter.value));
  EXPECT_EQ(optimizer.gradient_norm(stream), 0.0);
  optimizer.step(stream, 0.1);
  for (size_t i = 0; i < before.size(); ++i) {
    const Parameter& parameter = parameters.all()[i];
    const bool matrix = parameter.name.ends_with("weight") && !parameter.name.ends_with("norm.weight") &&
                        !parameter.name.ends_with("norm_f.weight");
    const std::vector<float> after = copy(parameter.value);
    for (size_t j = 0; j < after.size(); ++j)
      ASSERT_FLOAT_EQ(after[j], before[i][j] * (matrix ? 0.95f : 1.0f)) << parameter.name;
  }
}

TEST(Optimizer, ClipsByTheNormOfAllGradients) {
  Parameters large = tiny_parameters(), small = tiny_parameters();
  // Moments of a first step are the gradient itself, but for a factor.
  for (Parameter& parameter : large.all())
    std::fill_n(parameter.gradient.as<float>(), parameter.gradient.shape.elements(), 3.0f);
  const auto elements = static_cast<double>(large.config().parameters());
  for (Parameter& parameter : small.all())
    std::fill_n(parameter.gradient.as<float>(), parameter.gradient.shape.elements(),
                static_cast<float>(1.0 / std::sqrt(elements)));
  Optimizer clipped(large, {.clip_norm = 1.0}), exact(small, {.clip_norm = 0.0});
  Stream stream(open_backend(2));
  EXPECT_NEAR(clipped.gradient_norm(stream), 3.0 * std::sqrt(elements), 1e-6 * std::sqrt(elements));
  EXPECT_NEAR(exact.gradient_norm(stream), 1.0, 1e-6);
  clipped.step(stream, 0.1);
  exact.step(stream, 0.1);
  for (size_t i = 0; i < large.all().size(); ++i)
    EXPECT_NEAR(clipped.moment1(i).view().as<float>()[0], exact.moment1(i).view().as<float>()[0], 1e-9);
}

}  // namespace
}  // namespace saker
