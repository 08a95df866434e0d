#include "ops/rms_norm/rms_norm.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"
#include "ops/quantize/quantize.h"
#include "ops/rms_norm/rms_norm_cases.h"

namespace saker {
namespace {

TEST(RmsNorm, AgreesWithTheReference) {
  test_op_cases(rms_norm_cases());
}

TEST(RmsNorm, NormalisesInPlace) {
  Stream stream(open_backend(BackendKind::cpu, 2));
  CaseTensor apart(DType::f32, {3, 19}, 1), x(DType::f32, {3, 19}, 5), in_place(DType::f32, {3, 19}, 5);
  rms_norm(stream, apart.view(), x.view(), {}, 1e-6f);
  rms_norm(stream, in_place.view(), in_place.view(), {}, 1e-6f);
  for (int64_t i = 0; i < 57; ++i) EXPECT_EQ(in_place.view().as<float>()[i], apart.view().as<float>()[i]);
}

TEST(RmsNorm, KnownValue) {
  Stream stream(open_backend(BackendKind::reference, 1));
  float x[] = {3, 4}, y[2];
  rms_norm(stream, {y, DType::f32, {1, 2}}, {x, DType::f32, {1, 2}}, {}, 0.0f);
  EXPECT_FLOAT_EQ(y[0], 3 / std::sqrt(12.5f));
  EXPECT_FLOAT_EQ(y[1], 4 / std::sqrt(12.5f));
}

// To fp8: as the f32 result is quantised. The CPU backend refuses it.
TEST(RmsNorm, RoundsRowsToFp8) {
  constexpr int64_t l = 8, c = 128;
  Stream reference(open_backend(BackendKind::reference, 1)), cpu(open_backend(BackendKind::cpu, 1));
  const auto bytes = static_cast<int64_t>(quantized_bytes(DType::fp8, l, c));
  CaseTensor x(DType::f32, {l, c}, 1), plain(DType::f32, {l, c}, 2), got(DType::u8, {bytes}, 3),
      wanted(DType::u8, {bytes}, 4);
  const TensorView rows(got.view().data, DType::fp8, {l, c}), quantised(wanted.view().data, DType::fp8, {l, c});
  rms_norm(reference, rows, x.view(), {}, 1e-6);
  rms_norm(reference, plain.view(), x.view(), {}, 1e-6);
  quantize(reference, quantised, plain.view());
  EXPECT_TRUE(got.guards_intact());
  for (int64_t i = 0; i < bytes; ++i) EXPECT_EQ(got.view().as<uint8_t>()[i], wanted.view().as<uint8_t>()[i]) << i;
  EXPECT_THROW(rms_norm(cpu, rows, x.view(), {}, 1e-6), Error);
}

TEST(RmsNorm, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor x(DType::f32, {3, 8}, 1), y(DType::f32, {3, 8}, 2), weight(DType::f32, {7}, 3),
      half(DType::f16, {3, 8}, 4);
  EXPECT_THROW(rms_norm(stream, y.view(), x.view(), weight.view(), 1e-5f), Error);
  EXPECT_THROW(rms_norm(stream, y.view(), half.view(), {}, 1e-5f), Error);
  EXPECT_THROW(rms_norm(stream, y.view(), x.view(), {}, -1.0f), Error);
}

}  // namespace
}  // namespace saker
