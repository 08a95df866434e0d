// How kernels are launched: on a Stream, for the element types of its tensors.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <span>

#include "core/dtype.h"
#include "device/cuda/intrinsics.cuh"
#include "device/cuda/stream_state.cuh"
#include "device/tensor.h"

namespace saker::cuda {

// Calls f(Element()) with the CUDA type of f32, bf16 or f16; nothing else arrives here.
template <class F>
void with_element(DType dtype, const F& f) {
  switch (dtype) {
    case DType::bf16: return f(__nv_bfloat16());
    case DType::f16: return f(__half());
    default: return f(float());
  }
}

// Calls f(float()) for f32 and f(T()) for T's own type, of what may be either.
template <class T, class F>
void with_f32_or(DType dtype, const F& f) {
  dtype == DType::f32 ? f(float()) : f(T());
}

constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Rows that begin at multiples of 16 bytes.
inline bool in_vectors(const ConstTensorView& view) {
  return reinterpret_cast<uintptr_t>(view.data) % 16 == 0 &&
         view.row_stride * static_cast<int64_t>(size_of(view.dtype)) % 16 == 0;
}

// The GPU's copy of segments or ids.
template <class T>
const T* on_gpu(Stream& stream, std::span<const T> list) {
  return static_cast<const T*>(stream.gpu().staged(list.data(), list.size_bytes()));
}

// The sum over a block of kThreads threads, in every thread, in one order. `shared` [kThreads / 32].
template <int kThreads, class Value>
__device__ __forceinline__ Value block_sum(Value value, Value* shared) {
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  __syncthreads();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  Value total = 0;
#pragma unroll
  for (int warp = 0; warp < kThreads / 32; ++warp) total += shared[warp];
  return total;
}

// The largest in a block of kThreads threads, in every thread; passes over NaN. `shared` [kThreads / 32], which no
// thread may still read.
template <int kThreads>
__device__ __forceinline__ float block_max(float value, float* shared) {
  value = warp_max(value);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
#pragma unroll
  for (int warp = 0; warp < kThreads / 32; ++warp) value = fmaxf(value, shared[warp]);
  return value;
}

}  // namespace saker::cuda
