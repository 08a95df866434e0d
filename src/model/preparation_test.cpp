#include "model/preparation.h"

#include <gtest/gtest.h>

#include "model/tiny_model.h"
#include "ops/quantize/quantize.h"

namespace saker {
namespace {

size_t bytes_in(DType matrices, bool tied = false) {
  ModelConfig config = falcon_7b();
  config.tied_embeddings = tied;
  return prepared_bytes(config, matrices, DType::bf16, DType::f32);
}

TEST(PreparedBytes, AQuantisedHeadLiesBesideTheEmbeddings) {
  EXPECT_EQ(bytes_in(DType::q8, true), bytes_in(DType::q8));
  EXPECT_EQ(bytes_in(DType::bf16) - bytes_in(DType::bf16, true), size_t{65024} * 4096 * 2);
}

// Of 7.27 billion parameters all but the embeddings and some thousands a layer are matrices.
TEST(PreparedBytes, EveryMatrixInItsType) {
  const auto expected = [](DType matrices, DType x_proj, DType dt_proj) {
    const size_t layer = quantized_bytes(matrices, 16384, 4096) + quantized_bytes(x_proj, 288, 8192) +
                         quantized_bytes(dt_proj, 8192, 256) + quantized_bytes(matrices, 4096, 8192);
    const size_t others = 4096 + 4 * 8192 + 8192 + 8192 + 16 * 8192 + 8192;  // norms, taps and biases, A, D
    return size_t{65024} * 4096 * 2 + quantized_bytes(matrices, 65024, 4096) + 64 * (layer + 4 * others) + 4 * 4096;
  };
  EXPECT_EQ(bytes_in(DType::q8), expected(DType::q8, DType::q8, DType::q8));
  EXPECT_EQ(bytes_in(DType::q4), expected(DType::q4, DType::q4, DType::q8));
  EXPECT_EQ(bytes_in(DType::fp8), expected(DType::fp8, DType::q8, DType::q8));
}

}  // namespace
}  // namespace saker
