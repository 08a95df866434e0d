#include "ops/quantize/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"
#include "ops/quantize/quantize_cases.h"

namespace saker {
namespace {

TEST(Quantize, AgreesWithTheReference) {
  test_op_cases(quantize_cases());
}

// Every weight within half a step of what it was; a step is the largest of its group over 127 or 7.
TEST(Quantize, IsTheNearest) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  const CaseTensor weight(DType::f32, {8, 256}, 1);
  for (DType type : {DType::q8, DType::q4}) {
    std::vector<std::byte> bytes(quantized_bytes(type, 8, 256));
    const TensorView q(bytes.data(), type, {8, 256});
    quantize(stream, q, weight.view());
    for (int64_t o = 0; o < 8; ++o)
      for (int64_t g = 0; g < 2; ++g) {
        double largest = 0.0;
        const auto at = [&](int64_t i) { return load_element(weight.view().data, DType::f32, o * 256 + i); };
        for (int64_t i = g * 128; i < g * 128 + 128; ++i) largest = std::max(largest, std::abs(at(i)));
        // The scale is off by half a spacing of bf16, which the largest weights feel in full.
        const double bound = largest * (0.5 / static_cast<double>(largest_code(type)) + epsilon(DType::bf16)) * 1.01;
        for (int64_t i = g * 128; i < g * 128 + 128; ++i) EXPECT_NEAR(quantized_element(q, o, i), at(i), bound);
      }
  }
}

// Every weight within half a spacing of e4m3 at its magnitude; the largest of a row is met, by the largest code.
TEST(Quantize, Fp8IsTheNearest) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  const CaseTensor weight(DType::f32, {8, 256}, 1);
  std::vector<std::byte> bytes(quantized_bytes(DType::fp8, 8, 256));
  const TensorView q(bytes.data(), DType::fp8, {8, 256});
  quantize(stream, q, weight.view());
  for (int64_t o = 0; o < 8; ++o) {
    const auto at = [&](int64_t i) { return load_element(weight.view().data, DType::f32, o * 256 + i); };
    double largest = 0.0, met = 0.0;
    int code = 0;  // the largest magnitude
    for (int64_t i = 0; i < 256; ++i) {
      largest = std::max(largest, std::abs(at(i)));
      met = std::max(met, std::abs(quantized_element(q, o, i)));
      code = std::max(code, std::to_integer<int>(bytes[static_cast<size_t>(o * 256 + i)]) & 127);
    }
    EXPECT_EQ(code, 126);  // 448
    EXPECT_NEAR(met, largest, largest * epsilon(DType::f32));
    for (int64_t i = 0; i < 256; ++i) {
      const double half = std::max(0.5 * Float8::kEpsilon * std::abs(at(i)), largest / 448.0 * 0x1p-10);
      EXPECT_NEAR(quantized_element(q, o, i), at(i), half * (1.0 + 1e-6));
    }
  }
}

TEST(Quantize, ARowOfZerosStaysZero) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  const CaseTensor weight(DType::f32, {8, 128}, 1, 0.0, 0.0);
  for (DType type : {DType::q8, DType::q4, DType::fp8}) {
    std::vector<std::byte> bytes(quantized_bytes(type, 8, 128));
    const TensorView q(bytes.data(), type, {8, 128});
    quantize(stream, q, weight.view());
    for (int64_t i = 0; i < 128; ++i) EXPECT_EQ(quantized_element(q, 3, i), 0.0);
  }
}

TEST(Quantize, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  const CaseTensor narrow(DType::f32, {8, 100}, 1), weight(DType::f32, {8, 128}, 1);
  std::vector<std::byte> bytes(4096);
  EXPECT_THROW(quantize(stream, {bytes.data(), DType::q8, {8, 100}}, narrow.view()), Error);
  EXPECT_THROW(quantize(stream, {bytes.data(), DType::u8, {8, 128}}, weight.view()), Error);
}

}  // namespace
}  // namespace saker
