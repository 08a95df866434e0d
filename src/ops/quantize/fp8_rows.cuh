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

// How a value becomes a multiple of its row's scale: divided, as quantize() says; or, for x, multiplied with the
// scale's reciprocal, which is a rounding of f32 away.
struct DivideByScale {
  float scale;
  __device__ __forceinline__ float operator()(float value) const { return scale == 0.0f ? 0.0f : value / scale; }
};
struct MultiplyBy {
  float factor;
  __device__ __forceinline__ float operator()(float value) const { return value * factor; }
};

template <class Scaling>
__device__ __forceinline__ uint2 e4m3_codes(const float (&value)[8], const Scaling& scaled) {
  uint32_t pairs[4];
#pragma unroll
  for (int k = 0; k < 4; ++k) pairs[k] = pack_e4m3(scaled(value[2 * k]), scaled(value[2 * k + 1]));
  return {pairs[0] | pairs[1] << 16, pairs[2] | pairs[3] << 16};
}
__device__ __forceinline__ float largest_of(const float (&value)[8], float largest) {
#pragma unroll
  for (const float v : value) largest = fmaxf(largest, fabsf(v));
  return largest;
}

// A block for a row, whose first kHeld times 8 elements of a thread stay in registers between the scale and the codes.
// i a multiple of 8, rows 16-byte aligned.
template <class T, bool kExact, int kThreads, int kHeld>
__global__ void __launch_bounds__(kThreads)
    fp8_rows_kernel(uint2* codes, float* scales, const T* rows, int64_t row_stride, int i) {
  __shared__ float shared[kThreads / 32];
  const T* row = rows + blockIdx.x * row_stride;
  codes += blockIdx.x * static_cast<int64_t>(i) / 8;
  constexpr int kTurn = kThreads * 8;
  const int first = threadIdx.x * 8;
  float held[kHeld][8], value[8], largest = 0.0f;
#pragma unroll
  for (int v = 0; v < kHeld; ++v) {
    if (first + v * kTurn >= i) break;
    load_eight(held[v], row + first + v * kTurn);
    largest = largest_of(held[v], largest);
  }
  for (int at = first + kHeld * kTurn; at < i; at += kTurn) {
    load_eight(value, row + at);
    largest = largest_of(value, largest);
  }
  const float scale = __fdiv_rn(block_max<kThreads>(largest, shared), Float8::kLargest);
  if (threadIdx.x == 0) scales[blockIdx.x] = scale;
  const auto scaled = [&] {
    if constexpr (kExact)
      return DivideByScale{scale};
    else
      return MultiplyBy{scale == 0.0f ? 0.0f : 1.0f / scale};
  }();
#pragma unroll
  for (int v = 0; v < kHeld; ++v)
    if (first + v * kTurn < i) codes[(first + v * kTurn) / 8] = e4m3_codes(held[v], scaled);
  for (int at = first + kHeld * kTurn; at < i; at += kTurn) {
    load_eight(value, row + at);
    codes[at / 8] = e4m3_codes(value, scaled);
  }
}

// rows [l, i] -> rounded [l, i] of fp8. The rows are 16-byte aligned. kExact: as quantize() says, to the bit.
template <bool kExact>
void round_rows_to_fp8(Stream& stream, const TensorView& rounded, const ConstTensorView& rows) {
  constexpr int kThreads = 256, kHeld = 4;
  const int64_t l = rows.rows(), i = rows.columns();
  auto* scales = reinterpret_cast<float*>(static_cast<std::byte*>(rounded.data) + code_bytes(DType::fp8, l, i));
  with_element(rows.dtype, [&]<class T>(T) {
    fp8_rows_kernel<T, kExact, kThreads, kHeld><<<static_cast<unsigned>(l), kThreads, 0, handle(stream)>>>(
        static_cast<uint2*>(rounded.data), scales, static_cast<const T*>(rows.data), rows.row_stride,
        static_cast<int>(i));
  });
  state_of(stream).launched("fp8_rows_kernel");
}

}  // namespace saker::cuda
