#include <gtest/gtest.h>

#include "core/error.h"
#include "ops/cast/cast_cases.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {
namespace {

TEST(Cast, AgreesWithTheReference) {
  test_op_cases(cast_cases());
}

TEST(Cast, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor x(DType::f32, {3, 8}, 1), y(DType::bf16, {3, 7}, 2);
  EXPECT_THROW(cast(stream, y.view(), x.view()), Error);
}

}  // namespace
}  // namespace saker
