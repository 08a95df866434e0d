// Rows rounded to e4m3 with a scale for each: weight matrices (ops/quantize/quantize.h), and the rows of x that a
// product of e4m3 multiplies them with.
#pragma once

#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "ops/quantize/quantize.h"

namespace saker::cuda {

// 8 neighbours, 16-byte aligned.
template <class T>
__device__ __forceinline__ void load_eight(float (&value)[8], const T* from) {
  constexpr int kPerVector = 16 / sizeof(T);
#pragma unroll
  for (int v = 0; v < 8 / kPerVector; ++v) {
    const uint4 vector = reinterpret_cast<const uint4*>(from)[v];
#pragma unroll
    for (int k = 0; k < kPerVector; ++k) value[v * kPerVector + k] = widen(reinterpret_cast<const T*>(&vector)[k]);
  }
}

// A block for a row: once for the scale, once more, from L1, for the codes. i a multiple of 8, rows 16-byte aligned.
template <class T, int kThreads>
__global__ void __launch_bounds__(kThreads)
    fp8_rows_kernel(uint2* codes, float* scales, const T* rows, int64_t row_stride, int i) {
  __shared__ float shared[kThreads / 32];
  const T* row = rows + blockIdx.x * row_stride;
  float value[8], largest = 0.0f;
  for (int at = threadIdx.x * 8; at < i; at += kThreads * 8) {
    load_eight(value, row + at);
#pragma unroll
    for (const float v : value) largest = fmaxf(largest, fabsf(v));
  }
  const float scale = __fdiv_rn(block_max<kThreads>(largest, shared), Float8::kLargest);
  if (threadIdx.x == 0) scales[blockIdx.x] = scale;
  for (int at = threadIdx.x * 8; at < i; at += kThreads * 8) {
    load_eight(value, row + at);
    uint32_t pairs[4];
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const float low = scale == 0.0f ? 0.0f : __fdiv_rn(value[2 * k], scale),
                  high = scale == 0.0f ? 0.0f : __fdiv_rn(value[2 * k + 1], scale);
      pairs[k] = pack_e4m3(low, high);
    }
    codes[(blockIdx.x * static_cast<int64_t>(i) + at) / 8] = {pairs[0] | pairs[1] << 16, pairs[2] | pairs[3] << 16};
  }
}

// x [l, i] -> rounded [l, i] of fp8. The rows of x are 16-byte aligned.
inline void quantize_fp8_rows(Stream& stream, const TensorView& rounded, const ConstTensorView& x) {
  constexpr int kThreads = 256;
  const int64_t l = x.rows(), i = x.columns();
  auto* scales = reinterpret_cast<float*>(static_cast<std::byte*>(rounded.data) + code_bytes(DType::fp8, l, i));
  with_element(x.dtype, [&]<class T>(T) {
    fp8_rows_kernel<T, kThreads><<<static_cast<unsigned>(l), kThreads, 0, handle(stream)>>>(
        static_cast<uint2*>(rounded.data), scales, static_cast<const T*>(x.data), x.row_stride, static_cast<int>(i));
  });
  state_of(stream).launched("fp8_rows_kernel");
}

}  // namespace saker::cuda
