// Quantised weights as bf16, for products with many rows, where the tensor cores are the limit.
#pragma once

#include "device/cuda/launch.cuh"
#include "ops/linear/weight_stream.cuh"
#include "ops/quantize/quantize.h"

namespace saker::cuda {

inline StreamedWeight streamed(const ConstTensorView& weight) {
  const int64_t o = weight.rows(), i = weight.columns();
  StreamedWeight streamed{weight.data, nullptr, static_cast<int>(o), static_cast<int>(i)};
  if (!is_quantized(weight.dtype)) return streamed;
  const std::byte* scales = static_cast<const std::byte*>(weight.data) + code_bytes(weight.dtype, o, i);
  if (weight.dtype == DType::fp8)
    streamed.output_scales = reinterpret_cast<const float*>(scales);
  else
    streamed.scales = reinterpret_cast<const __nv_bfloat16*>(scales);
  return streamed;
}

// The lowest byte as e4m3, exactly. Its fields in an f32 are 2^120 too small, subnormal ones too.
__device__ __forceinline__ float widen_e4m3(uint32_t byte) {
  return __uint_as_float((byte & 0x7fu) << 20 | (byte & 0x80u) << 24) * 0x1p120f;
}

// A thread has 8 neighbours of a row. Code times scale is rounded to bf16 once.
template <DType kType>
__global__ void __launch_bounds__(256) dequantize_kernel(uint4* to, const StreamedWeight w) {
  const int64_t at = (blockIdx.x * int64_t{256} + threadIdx.x) * 8, count = static_cast<int64_t>(w.outputs) * w.inputs;
  if (at >= count) return;
  const int64_t row = at / w.inputs, column = at % w.inputs;
  float scale, value[8];
  if constexpr (kType == DType::fp8)
    scale = w.output_scales[row];
  else
    scale = __bfloat162float(w.scales[column / kQuantizedGroup * w.outputs + row]);
  if constexpr (kType == DType::q4) {
    const uint32_t word = static_cast<const uint32_t*>(w.data)[at / 8];
#pragma unroll
    for (int k = 0; k < 8; ++k)
      value[k] = scale * static_cast<float>(static_cast<int>(word >> (k / 2 * 4 + k % 2 * 16) & 15u) - 8);
  } else {
    const uint2 bytes = static_cast<const uint2*>(w.data)[at / 8];
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      const uint32_t word = k < 4 ? bytes.x : bytes.y;
      if constexpr (kType == DType::fp8)
        value[k] = scale * widen_e4m3(word >> (k % 4 * 8));
      else
        value[k] = scale * static_cast<float>(static_cast<int8_t>(word >> (k % 4 * 8)));
    }
  }
  to[at / 8] = {pack(value[0], value[1], __nv_bfloat16()), pack(value[2], value[3], __nv_bfloat16()),
                pack(value[4], value[5], __nv_bfloat16()), pack(value[6], value[7], __nv_bfloat16())};
}

}  // namespace saker::cuda
