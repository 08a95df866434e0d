#include "model/flops.h"

#include <gtest/gtest.h>

#include "model/tiny_model.h"

namespace saker {
namespace {

TEST(Flops, OfFalconMamba7B) {
  EXPECT_EQ(training_flops_per_token(falcon_7b()), 6.0 * 6'994'001'920.0);
  // Norms, convolutions and scans, by hand: 14 x 4,384 + 48 x 8,192 + 28 x 8,192 x 16 a layer, and the final norm.
  EXPECT_EQ(exact_training_flops_per_token(falcon_7b()) - training_flops_per_token(falcon_7b()),
            64.0 * (14.0 * 4384.0 + 48.0 * 8192.0 + 28.0 * 8192.0 * 16.0) + 14.0 * 4096.0);
}

TEST(Flops, ATiedHeadIsAProductAsWell) {
  ModelConfig tied = falcon_7b();
  tied.tied_embeddings = true;
  EXPECT_EQ(training_flops_per_token(tied), training_flops_per_token(falcon_7b()));
}

TEST(Flops, PlainMambaHasNoNormsOfTheStep) {
  ModelConfig plain = falcon_7b();
  plain.variant = Variant::mamba;
  EXPECT_EQ(exact_training_flops_per_token(falcon_7b()) - exact_training_flops_per_token(plain),
            64.0 * 14.0 * (256.0 + 2.0 * 16.0));
}

}  // namespace
}  // namespace saker
