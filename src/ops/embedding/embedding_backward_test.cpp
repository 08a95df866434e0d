#include "ops/embedding/embedding_backward.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "ops/embedding/embedding_backward_cases.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {
namespace {

TEST(EmbeddingBackward, AgreesWithTheReference) {
  test_op_cases(without_benchmarks(embedding_backward_cases()));
}

TEST(EmbeddingBackward, AddsEveryOccurrence) {
  Stream stream(open_backend(BackendKind::reference, 1));
  double table[] = {1, 1, 1}, dh[] = {2, 3, 5, 7};
  const std::vector<int32_t> ids{0, 2, 0, 2};
  embedding_backward(stream, {table, DType::f64, {3, 1}}, {dh, DType::f64, {4, 1}}, ids);
  EXPECT_EQ(table[0], 1 + 2 + 5);
  EXPECT_EQ(table[1], 1);
  EXPECT_EQ(table[2], 1 + 3 + 7);
}

TEST(EmbeddingBackward, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor table(DType::f32, {3, 4}, 1), dh(DType::f32, {2, 4}, 2);
  EXPECT_THROW(embedding_backward(stream, table.view(), dh.view(), std::vector<int32_t>{0, 3}), Error);
  EXPECT_THROW(embedding_backward(stream, table.view(), dh.view(), std::vector<int32_t>{0}), Error);
}

}  // namespace
}  // namespace saker
