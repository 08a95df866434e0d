#include "model/weights.h"

#include <gtest/gtest.h>

#include <set>

#include "model/tiny_model.h"

namespace saker {
namespace {

int64_t elements(const std::vector<TensorSpec>& specs) {
  int64_t sum = 0;
  for (const TensorSpec& spec : specs) sum += spec.shape.elements();
  return sum;
}

TEST(Weights, TheSevenBillionModelAsPublished) {
  const auto specs = tensor_specs(falcon_7b());
  EXPECT_EQ(specs.size(), 643u);
  EXPECT_EQ(elements(specs), 7'272'665'088);
  EXPECT_EQ(falcon_7b().parameters(), 7'272'665'088);
  EXPECT_EQ(falcon_7b().state_bytes(), 64 * 8192 * (3 + 16) * 4);
  EXPECT_EQ(specs.front().name, "backbone.embeddings.weight");
  EXPECT_EQ(specs[2].name, "backbone.layers.0.mixer.in_proj.weight");
  EXPECT_EQ(specs[2].shape, (Shape{16384, 4096}));
  EXPECT_EQ(specs.back().name, "lm_head.weight");
}

TEST(Weights, ParametersCountEveryOption) {
  for (bool tied : {false, true})
    for (bool bias : {false, true})
      for (bool conv_bias : {false, true}) {
        ModelConfig config;
        config.tied_embeddings = tied;
        config.use_bias = bias;
        config.use_conv_bias = conv_bias;
        EXPECT_EQ(config.parameters(), elements(tensor_specs(config)));
      }
}

TEST(Weights, VisitsEveryTensorOnceInTheOrderOfTheSpecs) {
  ModelConfig config;
  config.n_layer = 3;
  config.use_bias = true;
  config.tied_embeddings = false;
  Weights weights;
  weights.config = config;
  weights.layers.resize(3);
  const auto specs = tensor_specs(config);
  size_t next = 0;
  std::set<const void*> seen;
  for_each_tensor(weights, [&](const TensorSpec& spec, ConstTensorView& view) {
    ASSERT_LT(next, specs.size());
    EXPECT_EQ(spec.name, specs[next++].name);
    EXPECT_TRUE(seen.insert(&view).second);
  });
  EXPECT_EQ(next, specs.size());
}

}  // namespace
}  // namespace saker
