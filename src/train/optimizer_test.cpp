#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/rng.h"
#include "model/tiny_model.h"

namespace saker {
namespace {

Parameters tiny_parameters() {
  ModelConfig config = tiny_config();
  config.use_bias = true;
  return Parameters(init_weights(config, 7, DType::f32, 0, InitScheme::mamba), DType::f32, /*rounded=*/false);
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
    EXPECT_NEAR(clipped.moment1(i).values.view().as<float>()[0], exact.moment1(i).values.view().as<float>()[0], 1e-9);
}

TEST(Optimizer, MatricesAndEmbeddingsAloneHaveMomentsIn8Bits) {
  Parameters parameters = tiny_parameters();
  Optimizer optimizer(parameters, {.moments = MomentFormat::eight_bit});
  size_t bytes = 0;
  for (size_t i = 0; i < parameters.all().size(); ++i) {
    const std::string& name = parameters.all()[i].name;
    bool coded = false;
    for (const char* matrix :
         {"embeddings.weight", "in_proj.weight", "x_proj.weight", "out_proj.weight", "lm_head.weight"})
      coded = coded || name.ends_with(matrix);
    for (const Moment* moment : {&optimizer.moment1(i), &optimizer.moment2(i)}) {
      EXPECT_EQ(moment->values.view().dtype, coded ? DType::u8 : DType::f32) << name;
      EXPECT_EQ(static_cast<bool>(moment->exponents), coded) << name;
      bytes += moment->values.bytes() + moment->exponents.bytes();
    }
  }
  const size_t planned = Optimizer::moment_bytes(parameters.config(), MomentFormat::eight_bit);
  EXPECT_GE(planned, bytes);
  EXPECT_LE(planned, bytes + 4 * Arena::kAlignment * parameters.all().size());
  EXPECT_EQ(Optimizer::moment_bytes(parameters.config(), MomentFormat::f32),
            2 * Parameters::value_bytes(parameters.config(), DType::f32));
}

// One step from zero moments is the same step: they are rounded after it. The second one, with the same gradients,
// moves by the rate 0.1, and by the bounds of moment_code.h is off by less than 3% for m / 16 and 1.6% for v / 16 of
// the first.
TEST(Optimizer, TheFormatOfMomentsComesIntoPlayWithTheSecondStep) {
  Parameters in_f32 = tiny_parameters(), in_8_bits = tiny_parameters();
  const Rng rng(3);
  for (Parameters* parameters : {&in_f32, &in_8_bits})
    for (Parameter& parameter : parameters->all())
      for (int64_t i = 0; i < parameter.gradient.shape.elements(); ++i)
        parameter.gradient.as<float>()[i] = static_cast<float>(rng.normal(static_cast<uint64_t>(i)));
  Optimizer exact(in_f32, {}), coded(in_8_bits, {.moments = MomentFormat::eight_bit});
  Stream stream(open_backend(2));
  for (const int step : {1, 2}) {
    EXPECT_EQ(exact.gradient_norm(stream), coded.gradient_norm(stream));
    exact.step(stream, 0.1);
    coded.step(stream, 0.1);
    for (size_t i = 0; i < in_f32.all().size(); ++i) {
      const std::vector<float> a = copy(in_f32.all()[i].value), b = copy(in_8_bits.all()[i].value);
      const float* gradient = in_f32.all()[i].gradient.as<float>();
      double furthest = 0.0;
      for (size_t j = 0; j < a.size(); ++j)
        if (std::abs(gradient[j]) > 0.1f)  // 2^-6 of the largest and more
          furthest = std::max(furthest, std::abs(double{a[j]} - b[j]));
      const bool differs = step == 2 && coded.moment1(i).exponents;
      EXPECT_LE(furthest, differs ? 0.1 * 0.046 : 1e-6) << in_f32.all()[i].name;
      EXPECT_EQ(furthest > 1e-6, differs) << in_f32.all()[i].name;
    }
  }
}

// From the same gradients masters in two halves are those in one piece, bit for bit, in either format of moments.
TEST(Optimizer, SplitMastersMoveAsThoseInOnePiece) {
  const Weights weights = init_weights(tiny_config(), 7, DType::f32);
  for (const MomentFormat moments : {MomentFormat::f32, MomentFormat::eight_bit}) {
    Parameters whole(weights, DType::f32, /*rounded=*/true),
        split(weights, DType::f32, /*rounded=*/true, kHost, MasterFormat::split);
    Optimizer of_whole(whole, {.moments = moments}),
        of_split(split, {.moments = moments, .masters = MasterFormat::split});
    Stream stream(open_backend(2));
    const Rng rng(3);
    for (uint64_t step = 0; step < 3; ++step) {
      for (size_t i = 0; i < whole.all().size(); ++i)
        for (int64_t j = 0; j < whole.all()[i].gradient.shape.elements(); ++j)
          split.all()[i].gradient.as<float>()[j] = whole.all()[i].gradient.as<float>()[j] =
              static_cast<float>(rng.normal(1000 * step + static_cast<uint64_t>(j)));
      EXPECT_EQ(of_whole.gradient_norm(stream), of_split.gradient_norm(stream));
      of_whole.step(stream, 0.01);
      of_split.step(stream, 0.01);
    }
    for (size_t i = 0; i < whole.all().size(); ++i) {
      const Tensor joined = master_on_host(split.all()[i].master(), kHost);
      EXPECT_EQ(std::memcmp(joined.view().data, whole.all()[i].value.data, joined.bytes()), 0) << whole.all()[i].name;
      if (!whole.all()[i].rounded) continue;
      int64_t different = 0;  // where a master is as near to two numbers of bf16
      for (int64_t j = 0; j < joined.view().shape.elements(); ++j)
        different += whole.all()[i].rounded.as<uint16_t>()[j] != split.all()[i].rounded.as<uint16_t>()[j];
      EXPECT_LE(different, 1 + joined.view().shape.elements() / 4096) << whole.all()[i].name;
    }
  }
}

}  // namespace
}  // namespace saker
