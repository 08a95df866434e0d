#include <gtest/gtest.h>

#include "core/error.h"
#include "ops/embedding/embedding_cases.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {
namespace {

TEST(Embedding, AgreesWithTheReference) {
  test_op_cases(embedding_cases());
}

TEST(Embedding, RejectsIdsOutsideTheVocabulary) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor table(DType::bf16, {7, 4}, 1), h(DType::f32, {2, 4}, 2);
  const std::vector<int32_t> good{0, 6}, high{0, 7}, low{-1, 0};
  EXPECT_NO_THROW(embedding(stream, h.view(), table.view(), good));
  EXPECT_THROW(embedding(stream, h.view(), table.view(), high), Error);
  EXPECT_THROW(embedding(stream, h.view(), table.view(), low), Error);
}

}  // namespace
}  // namespace saker
