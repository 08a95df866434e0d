#include "ops/pick_columns/pick_columns.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"
#include "ops/pick_columns/pick_columns_cases.h"

namespace saker {
namespace {

TEST(PickColumns, KnownValue) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  float x[] = {1, 2, 3, 4, 5, 6}, y[2];
  const int32_t ids[] = {2, 0};
  pick_columns(stream, {y, DType::f32, {2, 1}}, {x, DType::f32, {2, 3}}, ids);
  EXPECT_EQ(y[0], 3.0f);
  EXPECT_EQ(y[1], 4.0f);
}

TEST(PickColumns, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor x(DType::f32, {2, 3}, 1), y(DType::f32, {2, 1}, 2);
  const int32_t outside[] = {0, 3}, one[] = {0};
  EXPECT_THROW(pick_columns(stream, y.view(), x.view(), outside), Error);
  EXPECT_THROW(pick_columns(stream, y.view(), x.view(), one), Error);
}

}  // namespace
}  // namespace saker
