// Rounds a weight matrix to few bits: w ~ code * scale. For products that the bytes of weights limit q8 and q4:
//
//   scale[g, o] = bf16(max_{i in group g} |w[o, i]| / m)           groups of 128 neighbours of a row; m = 127 or 7
//   code[o, i]  = w[o, i] / scale to the nearest of -m ... m, ties to even; 0 where the scale is 0
//
// for products on tensor cores fp8:
//
//   scale[o]    = max_i |w[o, i]| / 448                            of an output, f32
//   code[o, i]  = w[o, i] / scale to the nearest e4m3 (Float8 of core/dtype.h); 0 where the scale is 0
//
// Shapes    weight [o, i], i a multiple of 128, o of 8; q [o, i].
// Types     weight f32, bf16 or f16; q one block of memory, quantized_bytes() long, 64-byte aligned: the codes row by
//           row, then the scales, of q8 (m = 127) and q4 (m = 7) [i / 128, o] bf16, of fp8 [o] f32. A code of q8 is a
//           signed byte, of fp8 a byte. q4 has 8 in a word of 32 bits, each + 8: weight 2 j of the eight in bits 4 j,
//           weight 2 j + 1 in bits 4 j + 16. For fp8 the weight is 16-byte aligned.
// Aliasing  none.
// Result    the same bits on every backend.
// Errors    invalid_argument if a shape, unsupported if a type differs from the above.
// Cost      o i (size of weight + 1 or 1/2) bytes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

inline constexpr int64_t kQuantizedGroup = 128;

constexpr bool can_quantize(int64_t o, int64_t i) noexcept {
  return i > 0 && i % kQuantizedGroup == 0 && o % 8 == 0;
}
// Of q8 and q4.
constexpr int64_t largest_code(DType dtype) noexcept {
  return dtype == DType::q8 ? 127 : 7;
}
// Bytes of the codes, and of codes and scales.
constexpr size_t code_bytes(DType dtype, int64_t o, int64_t i) noexcept {
  return static_cast<size_t>(o * i) / (dtype == DType::q4 ? 2 : 1);
}
constexpr size_t quantized_bytes(DType dtype, int64_t o, int64_t i) noexcept {
  return code_bytes(dtype, o, i) + (dtype == DType::fp8
                                        ? static_cast<size_t>(o) * sizeof(float)
                                        : static_cast<size_t>(o * i / kQuantizedGroup) * sizeof(BFloat16));
}

// Where code [o, i] of q4 is: a word, and its bits in it.
struct NibblePlace {
  int64_t word;
  int shift;
};
constexpr NibblePlace nibble_place(int64_t index) noexcept {
  return {index / 8, static_cast<int>(index % 8 / 2 * 4 + index % 2 * 16)};
}

// On the host.
double quantized_element(const ConstTensorView& q, int64_t o, int64_t i) noexcept;

struct QuantizeArgs {
  TensorView q;            // [o, i]
  ConstTensorView weight;  // [o, i]
};

void quantize(Stream& stream, TensorView q, ConstTensorView weight);

namespace reference {
void quantize(Stream& stream, const QuantizeArgs& args) noexcept;
}
namespace cuda {
void quantize(Stream& stream, const QuantizeArgs& args);
}

}  // namespace saker
