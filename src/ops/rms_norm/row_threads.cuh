// How threads share the rows of a normalisation: what kernels of rms_norm and rms_norm_backward have in common.
#pragma once

#include "device/cuda/intrinsics.cuh"
#include "device/cuda/vectors.cuh"

namespace saker::cuda {

// Neighbours in a warp, or a whole block, share a row: threadIdx.x is within it, threadIdx.y among the rows that a
// block has at a time. kHeld vectors of kWidth elements stay in a thread's registers.
template <int kThreadsOfRow, int kRowsOfBlock, int kHeldVectors, int kVectorWidth>
struct RowThreads {
  static constexpr int kThreads = kThreadsOfRow, kRows = kRowsOfBlock, kHeld = kHeldVectors, kWidth = kVectorWidth;
  static constexpr int kBlock = kThreads * kRows, kStep = kThreads * kWidth;
  static constexpr int kWarps = kThreads < 32 ? 1 : kThreads / 32;  // of a row
  static constexpr bool kMore = kThreads == 256;                    // than these hold may a row have
  static_assert(kThreads <= 32 || kRows == 1, "barriers are of one row");

  // Where vector j of this thread begins.
  static __device__ __forceinline__ int at(int j) { return (j * kThreads + static_cast<int>(threadIdx.x)) * kWidth; }
};

// Calls f(RowThreads()) with those for rows of c elements: where a warp can hold a row, no barrier is needed.
template <class F>
void with_row_threads(int64_t c, bool fours, const F& f) {
  if (!fours) return c <= 256 ? f(RowThreads<32, 4, 8, 1>()) : f(RowThreads<256, 1, 16, 1>());
  if (c <= 16) return f(RowThreads<4, 32, 1, 4>());
  if (c <= 64) return f(RowThreads<4, 32, 4, 4>());
  if (c <= 256) return f(RowThreads<32, 4, 2, 4>());
  if (c <= 512) return f(RowThreads<32, 4, 4, 4>());
  if (c <= 768) return f(RowThreads<32, 4, 6, 4>());
  if (c <= 1024) return f(RowThreads<32, 4, 8, 4>());
  if (c <= 2048) return f(RowThreads<128, 1, 4, 4>());
  f(RowThreads<256, 1, 4, 4>());
}

// Adds up `sums` over a row, in every thread of it, in one order. `shared` [kWarps][kCount], which no thread may still
// read, is for rows of several warps.
template <class Threads, int kCount>
__device__ __forceinline__ void add_over_row(float (&sums)[kCount], float (*shared)[kCount]) {
#pragma unroll
  for (float& sum : sums) sum = warp_sum<Threads::kThreads / Threads::kWarps>(sum);
  if constexpr (Threads::kWarps > 1) {
#pragma unroll
    for (int k = 0; k < kCount; ++k) {
      if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32][k] = sums[k];
      sums[k] = 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int warp = 0; warp < Threads::kWarps; ++warp)
#pragma unroll
      for (int k = 0; k < kCount; ++k) sums[k] += shared[warp][k];
  }
}

// Of a weight that may be absent.
template <int kWidth>
__device__ __forceinline__ Vector<float, kWidth> weight_at(const float* weight, int i) {
  if (weight) return load_vector<kWidth>(weight + i);
  Vector<float, kWidth> ones;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) ones.at[k] = 1.0f;
  return ones;
}

}  // namespace saker::cuda
