#include "core/dtype.h"

#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "core/error.h"

namespace saker {

namespace {
constexpr std::array<std::pair<std::string_view, DType>, 10> kNames{{{"f64", DType::f64},
                                                                     {"f32", DType::f32},
                                                                     {"bf16", DType::bf16},
                                                                     {"f16", DType::f16},
                                                                     {"i64", DType::i64},
                                                                     {"i32", DType::i32},
                                                                     {"u8", DType::u8},
                                                                     {"q8", DType::q8},
                                                                     {"q4", DType::q4},
                                                                     {"fp8", DType::fp8}}};
}  // namespace

std::string_view name(DType dtype) noexcept {
  for (const auto& [name, value] : kNames)
    if (value == dtype) return name;
  return "?";
}

std::optional<DType> dtype_from_name(std::string_view name) noexcept {
  for (const auto& [known, value] : kNames)
    if (known == name) return value;
  return std::nullopt;
}

Float16::Float16(float value) noexcept {
  const uint32_t word = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (word >> 16) & 0x8000u;
  const uint32_t magnitude = word & 0x7FFFFFFFu;
  uint32_t half;
  if (magnitude > 0x7F800000u) {  // NaN
    half = 0x7E00u | ((magnitude >> 13) & 0x3FFu);
  } else if (magnitude >= 0x477FF000u) {  // rounds beyond 65504
    half = 0x7C00u;
  } else if (magnitude < 0x38800000u) {  // subnormal: let the f32 adder round at 2^-24
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    half = std::bit_cast<uint32_t>(shifted) - 0x3F000000u;
  } else {
    half = (magnitude + 0xC8000FFFu + ((magnitude >> 13) & 1u)) >> 13;
  }
  bits = static_cast<uint16_t>(sign | half);
}

Float16::operator float() const noexcept {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1Fu, fraction = bits & 0x3FFu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  const uint32_t biased = exponent == 31 ? 255u : exponent + 112u;
  return std::bit_cast<float>(sign | (biased << 23) | (fraction << 13));
}

Float8::Float8(float value) noexcept {
  const uint32_t word = std::bit_cast<uint32_t>(value), magnitude = word & 0x7FFFFFFFu;
  uint32_t code;
  if (magnitude > 0x7F800000u) {  // NaN
    bits = 0x7Fu;
    return;
  }
  if (magnitude >= 0x43E00000u) {  // 448
    code = 0x7Eu;
  } else if (magnitude < 0x3C800000u) {  // subnormal, below 2^-6: let the f32 adder round at 2^-9
    code = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0x1p14f) - 0x46800000u;
  } else {
    code = (magnitude - 0x3C000000u + 0x7FFFFu + ((magnitude >> 20) & 1u)) >> 20;
  }
  bits = static_cast<uint8_t>(((word >> 24) & 0x80u) | code);
}

Float8::operator float() const noexcept {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x80u) << 24, code = bits & 0x7Fu;
  if (code == 0x7Fu) return std::bit_cast<float>(sign | 0x7FC00000u);
  // The same fields in an f32 are 2^120 too small, subnormal ones too.
  return std::bit_cast<float>(sign | (code << 20)) * 0x1p120f;
}

double epsilon(DType dtype) noexcept {
  switch (dtype) {
    case DType::f64: return 0x1p-52;
    case DType::f32: return 0x1p-23;
    case DType::bf16: return 0x1p-7;
    case DType::f16: return 0x1p-10;
    default: return 0.0;
  }
}

double load_element(const void* data, DType dtype, int64_t index) noexcept {
  switch (dtype) {
    case DType::f64: return static_cast<const double*>(data)[index];
    case DType::f32: return static_cast<const float*>(data)[index];
    case DType::bf16: return static_cast<float>(static_cast<const BFloat16*>(data)[index]);
    case DType::f16: return static_cast<float>(static_cast<const Float16*>(data)[index]);
    case DType::i64: return static_cast<double>(static_cast<const int64_t*>(data)[index]);
    case DType::i32: return static_cast<const int32_t*>(data)[index];
    case DType::u8: return static_cast<const uint8_t*>(data)[index];
    case DType::q8:
    case DType::q4:
    case DType::fp8: return 0.0;
  }
  return 0.0;
}

void store_element(void* data, DType dtype, int64_t index, double value) noexcept {
  switch (dtype) {
    case DType::f64: static_cast<double*>(data)[index] = value; return;
    case DType::f32: static_cast<float*>(data)[index] = static_cast<float>(value); return;
    case DType::bf16: static_cast<BFloat16*>(data)[index] = BFloat16(static_cast<float>(value)); return;
    case DType::f16: static_cast<Float16*>(data)[index] = Float16(static_cast<float>(value)); return;
    case DType::i64: static_cast<int64_t*>(data)[index] = static_cast<int64_t>(value); return;
    case DType::i32: static_cast<int32_t*>(data)[index] = static_cast<int32_t>(value); return;
    case DType::u8: static_cast<uint8_t*>(data)[index] = static_cast<uint8_t>(value); return;
    case DType::q8:
    case DType::q4:
    case DType::fp8: return;
  }
}

namespace {

// Calls f with a null pointer of the C++ type of a floating-point DType.
template <class F>
void with_float_type(DType dtype, F f) {
  switch (dtype) {
    case DType::f64: return f(static_cast<double*>(nullptr));
    case DType::f32: return f(static_cast<float*>(nullptr));
    case DType::bf16: return f(static_cast<BFloat16*>(nullptr));
    case DType::f16: return f(static_cast<Float16*>(nullptr));
    default: SAKER_ASSERT(is_float(dtype));
  }
}

template <class To, class From>
To convert_one(From value) noexcept {
  if constexpr (std::is_same_v<To, From>)
    return value;
  else if constexpr (std::is_same_v<To, double>)
    return static_cast<float>(value);
  else
    return To(static_cast<float>(value));
}

}  // namespace

void convert_elements(void* to, DType to_dtype, const void* from, DType from_dtype, int64_t count) noexcept {
  if (to_dtype == from_dtype) {
    std::memcpy(to, from, static_cast<size_t>(count) * size_of(to_dtype));
    return;
  }
  with_float_type(to_dtype, [&]<class To>(To*) {
    with_float_type(from_dtype, [&]<class From>(From*) {
      const From* source = static_cast<const From*>(from);
      To* target = static_cast<To*>(to);
      for (int64_t i = 0; i < count; ++i) target[i] = convert_one<To>(source[i]);
    });
  });
}

}  // namespace saker
