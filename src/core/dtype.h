// Scalar storage types, and the conversions between them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace saker {

// q8, q4 and fp8: whole matrices whose weights share scales (ops/quantize/quantize.h); they have no elements of their
// own.
enum class DType : uint8_t { f64, f32, bf16, f16, i64, i32, u8, q8, q4, fp8 };

constexpr size_t size_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::f64:
    case DType::i64: return 8;
    case DType::f32:
    case DType::i32: return 4;
    case DType::bf16:
    case DType::f16: return 2;
    case DType::u8: return 1;
    case DType::q8:
    case DType::q4:
    case DType::fp8: return 0;
  }
  return 0;
}

constexpr bool is_quantized(DType dtype) noexcept {
  return dtype >= DType::q8;
}

constexpr bool is_float(DType dtype) noexcept {
  return dtype <= DType::f16;
}

// "f32", "bf16", ...: the names of the command line.
std::string_view name(DType dtype) noexcept;
std::optional<DType> dtype_from_name(std::string_view name) noexcept;

// Brain floating point: the upper half of an f32.
struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  // Rounds to nearest, ties to even; a NaN stays a NaN.
  explicit BFloat16(float value) noexcept {
    const uint32_t word = std::bit_cast<uint32_t>(value);
    const bool nan = (word & 0x7FFFFFFFu) > 0x7F800000u;
    bits = static_cast<uint16_t>((nan ? word | 0x00400000u : word + 0x7FFFu + ((word >> 16) & 1u)) >> 16);
  }
  explicit operator float() const noexcept { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

// IEEE 754 binary16. Rounds to nearest, ties to even.
struct Float16 {
  uint16_t bits = 0;

  Float16() = default;
  explicit Float16(float value) noexcept;
  explicit operator float() const noexcept;
};

// E4M3 of 8 bits: 1 sign, 4 bits of exponent, 3 of fraction; no infinities, two NaNs, up to 448. Rounds to nearest,
// ties to even; beyond 448 it stays 448.
struct Float8 {
  uint8_t bits = 0;

  static constexpr float kLargest = 448.0f;
  static constexpr double kEpsilon = 0x1p-3;

  Float8() = default;
  explicit Float8(float value) noexcept;
  explicit operator float() const noexcept;
};

static_assert(sizeof(BFloat16) == 2 && sizeof(Float16) == 2 && sizeof(Float8) == 1);

// Smallest e with 1 + e representable: the unit of every tolerance (docs/numerics.md).
double epsilon(DType dtype) noexcept;

// One element as a double and back (rounded to `dtype`). For references, files and tests; kernels have their own.
double load_element(const void* data, DType dtype, int64_t index) noexcept;
void store_element(void* data, DType dtype, int64_t index, double value) noexcept;

// Converts `count` contiguous elements between floating-point types (f64, f32, bf16, f16); the buffers do not overlap.
void convert_elements(void* to, DType to_dtype, const void* from, DType from_dtype, int64_t count) noexcept;

}  // namespace saker
