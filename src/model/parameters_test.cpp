#include "model/parameters.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "model/tiny_model.h"
#include "ops/op_table.h"

namespace saker {
namespace {

TEST(Parameters, HaveChannelsInnermostAndGoBack) {
  const Weights weights = init_weights(tiny_config(), 3, DType::f32);
  Parameters parameters(weights, DType::f32, /*rounded=*/false);
  const Parameter& A_log = *parameters.find("backbone.layers.1.mixer.A_log");
  EXPECT_EQ(A_log.stored_shape, (Shape{72, 16}));
  EXPECT_EQ(A_log.value.shape, (Shape{16, 72}));
  EXPECT_EQ(A_log.gradient.shape, A_log.value.shape);
  EXPECT_EQ(A_log.value.as<float>()[5 * 72 + 7], weights.layers[1].A_log.as<float>()[7 * 16 + 5]);
  const Parameter& taps = *parameters.find("backbone.layers.2.mixer.conv1d.weight");
  EXPECT_EQ(taps.stored_shape, (Shape{72, 1, 4}));
  EXPECT_EQ(taps.value.shape, (Shape{4, 72}));
  EXPECT_EQ(taps.value.as<float>()[3 * 72 + 7], weights.layers[2].conv1d.as<float>()[7 * 4 + 3]);

  std::vector<ConstTensorView> stored;
  for_each_tensor(weights, [&](const TensorSpec&, const ConstTensorView& view) { stored.push_back(view); });
  size_t next = 0;
  const Weights back = parameters.to_weights();
  for_each_tensor(back, [&](const TensorSpec& spec, const ConstTensorView& view) {
    const ConstTensorView& expected = stored[next];
    EXPECT_EQ(parameters.all()[next++].name, spec.name);
    EXPECT_EQ(view.shape, expected.shape);
    EXPECT_EQ(std::memcmp(view.data, expected.data, static_cast<size_t>(view.shape.elements()) * 4), 0) << spec.name;
  });
  EXPECT_EQ(next, parameters.all().size());
}

TEST(Parameters, ATiedHeadIsOneParameter) {
  ModelConfig config = tiny_config();
  config.tied_embeddings = true;
  const Parameters parameters(init_weights(config, 3, DType::f32), DType::f32, false);
  EXPECT_EQ(parameters.find("lm_head.weight"), nullptr);
  const Weights weights = parameters.to_weights();
  EXPECT_EQ(weights.lm_head.data, weights.embeddings.data);
}

TEST(Parameters, RoundedCopiesAreOfMatricesAndEmbeddings) {
  Parameters parameters(init_weights(tiny_config(), 3, DType::f32), DType::f32, /*rounded=*/true);
  Stream stream(open_backend(BackendKind::cpu, 2));
  for (const Parameter& parameter : parameters.all()) {
    const bool matrix = parameter.role == TensorRole::linear || parameter.role == TensorRole::embedding;
    ASSERT_EQ(static_cast<bool>(parameter.rounded), matrix) << parameter.name;
    if (!matrix) continue;
    const auto last = parameter.value.shape.elements() - 1;
    parameter.value.as<float>()[last] = 1.0f + 0x1p-9f;
    parameters.round(stream);
    EXPECT_EQ(load_element(parameter.rounded.data, DType::bf16, last), 1.0) << parameter.name;
    EXPECT_EQ(parameter.rounded.as<BFloat16>()[0].bits, BFloat16(parameter.value.as<float>()[0]).bits);
  }
}

TEST(Parameters, SplitMastersAreThoseOfMatricesAndGoBack) {
  const Weights weights = init_weights(tiny_config(), 3, DType::f32);
  Parameters parameters(weights, DType::f32, /*rounded=*/true, kHost, MasterFormat::split);
  const Parameters whole(weights, DType::f32, /*rounded=*/true);
  for (size_t i = 0; i < parameters.all().size(); ++i) {
    const Parameter& parameter = parameters.all()[i];
    EXPECT_EQ(parameter.master().is_split(), static_cast<bool>(parameter.rounded)) << parameter.name;
    EXPECT_EQ(static_cast<bool>(parameter.value), !parameter.rounded) << parameter.name;
    const Tensor joined = master_on_host(parameter.master(), kHost);
    EXPECT_EQ(std::memcmp(joined.view().data, whole.all()[i].value.data, joined.bytes()), 0) << parameter.name;
  }
  Stream stream(open_backend(BackendKind::cpu, 1));
  parameters.round(stream);
  const Weights back = parameters.to_weights();
  EXPECT_EQ(std::memcmp(back.embeddings.data, weights.embeddings.data, 97 * 40 * sizeof(float)), 0);
  const auto bytes = [](MasterFormat masters) { return Parameters::value_bytes(tiny_config(), DType::f32, masters); };
  EXPECT_NEAR(bytes(MasterFormat::f32) - bytes(MasterFormat::split), Parameters::rounded_bytes(tiny_config()),
              Arena::kAlignment * parameters.all().size());
}

TEST(Parameters, GradientsThatPassesAddToAreZeroAgain) {
  for (const bool tied : {false, true}) {
    ModelConfig config = tiny_config();
    config.tied_embeddings = tied;
    Parameters parameters(init_weights(config, 3, DType::f32), DType::f32, false);
    Stream stream(open_backend(BackendKind::cpu, 3));
    for (const Parameter& parameter : parameters.all())
      for (int64_t i = 0; i < parameter.gradient.shape.elements(); ++i) {
        ASSERT_EQ(parameter.gradient.as<float>()[i], 0.0f);
        parameter.gradient.as<float>()[i] = 1.0f;
      }
    double sum = 0.0;  // of all gradients as one array: ones, and zeros between
    const ConstTensorView all = parameters.gradients();
    for (int64_t i = 0; i < all.shape.elements(); ++i) sum += all.as<float>()[i];
    EXPECT_EQ(sum, static_cast<double>(config.parameters()));
    parameters.zero_where_passes_add(stream);
    for (const Parameter& parameter : parameters.all())
      for (int64_t i = 0; i < parameter.gradient.shape.elements(); ++i)
        ASSERT_EQ(parameter.gradient.as<float>()[i], parameters.is_set_first(parameter) ? 1.0f : 0.0f)
            << parameter.name;
    EXPECT_EQ(parameters.is_set_first(parameters.all().front()), tied);
  }
}

TEST(Parameters, AnArrayOfAnotherShapeIsRefused) {
  const Parameters parameters(init_weights(tiny_config(), 3, DType::f32), DType::f32, false);
  const Parameter& A_log = *parameters.find("backbone.layers.1.mixer.A_log");
  Tensor array(DType::f32, A_log.value.shape), stored(DType::f32, A_log.stored_shape);
  EXPECT_THROW(A_log.to_stored(array.view(), array.view()), Error);
  EXPECT_THROW(A_log.from_stored(array.view(), array.view()), Error);
  EXPECT_THROW(A_log.from_stored(stored.view(), stored.view()), Error);
}

}  // namespace
}  // namespace saker
