// Products of 9 to 32 rows of x, made so that the bytes of the weights are the limit.
//
//   acc[o, t] = sum_i weight[o, i] x[t, i]        weight rows as the rows of tensor-core tiles, x as their columns
//
// Weights come as in ops/linear/weight_stream.cuh: every thread streams those that it multiplies through a queue of its
// own, which fills before the kernels before are done. x does not fit into shared memory: it comes in chunks of i for
// the whole block, each by one bulk copy, which arrives at a barrier of its own, so that no weights are waited for with
// it. Who makes x writes it as it comes to lie there, chunk by chunk (ChunkedRows).
//
// A block is 8 warps that multiply and one that fetches x: four have 32 outputs each, and two share each of these,
// every other 64 of i. They do not wait for each other, so that reads of shared memory and tensor cores overlap.
#pragma once

#include "ops/linear/weight_stream.cuh"

namespace saker::cuda {

// Rows in shared memory of `length` elements: 64 bytes more than whole banks, so that eight lanes which read 16 bytes
// each of two rows meet different ones.
__host__ __device__ constexpr int padded_row(int length) {
  return length * 2 + 64;
}

__device__ __forceinline__ uint4 shared_16(const char* from) {
  return *reinterpret_cast<const uint4*>(from);
}

inline constexpr int kWideProductThreads = kStreamThreads + 32;
inline constexpr int kWideChunk = 128;                         // of i
inline constexpr int kWidePitch = padded_row(kWideChunk) / 2;  // elements between the rows of a chunk

// Rows [b, i] by chunks of kWideChunk columns, rows of a chunk `pitch` and chunks `chunk` elements apart.
struct ChunkedRows {
  void* data;
  int64_t chunk;
  int pitch;

  __device__ __forceinline__ int64_t at(int t, int i) const {
    return i / kWideChunk * chunk + static_cast<int64_t>(t) * pitch + i % kWideChunk;
  }
};
inline ChunkedRows chunked_rows(void* data, int b) {
  return {data, static_cast<int64_t>(b) * kWidePitch, kWidePitch};
}
inline ChunkedRows plain_rows(void* data, int columns) {
  return {data, kWideChunk, columns};
}

template <class T, int kColumnTiles_>
struct WideShape {
  using Element = T;
  static constexpr int kColumnTiles = kColumnTiles_, kColumns = 8 * kColumnTiles;
  static constexpr int kDepth = 6, kStages = 3;  // chunks of weights and of x on their way
  static constexpr int kRows = 128;              // of o
  static constexpr int kPitch = kWidePitch * 2, kStageBytes = kColumns * kPitch;
  static constexpr int kQueueBytes = kDepth * 8 * 16 * kStreamThreads;
  static constexpr int kSumPitch = kRows + 4;  // so that lanes write to different banks
  static constexpr int kBytes = kQueueBytes + kStages * (kStageBytes + 16) + 8;  // a flag at the end
  static_assert(kColumns * kSumPitch * 4 <= kQueueBytes);
  static_assert(kStreamThreads / 2 * kColumnTiles * 2 * 16 <= kStages * kStageBytes);
};

template <class S>
class WideStream {
  using T = typename S::Element;

 public:
  // Starts to fill the queue: 32 outputs from `row`, which is of the warp, i in [begin, begin + length) both
  // multiples of kWideChunk. weight [o, inputs].
  __device__ WideStream(const void* weight, int inputs, int row, int begin, int length, char* shared)
      : shared_(shared), barriers_(reinterpret_cast<uint64_t*>(shared + S::kQueueBytes + S::kStages * S::kStageBytes)) {
    const int lane = threadIdx.x % 32;
    chunks_ = length / kWideChunk;
    pitch_ = static_cast<int64_t>(inputs) * 2;
    source_ = static_cast<const char*>(weight) + (row + lane / 4) * pitch_ + begin * 2 + part() * 128 + lane % 4 * 16;
    if (multiplies())
#pragma unroll
      for (int chunk = 0; chunk < S::kDepth; ++chunk) fetch_weights(chunk);
    if (threadIdx.x == 0) {
      for (int stage = 0; stage < S::kStages; ++stage)
        bulk_barrier_init(full(stage), 1), bulk_barrier_init(empty(stage), kStreamThreads / 32);
      bulk_barrier_fence();
    }
    __syncthreads();
  }
  // Whether the thread multiplies; the others have no part in the results.
  static __device__ __forceinline__ bool multiplies() {
    return threadIdx.x < kStreamThreads;
  }
  // The outputs of a warp begin at 32 of(); two warps share them.
  static __device__ __forceinline__ int of() {
    return threadIdx.x / 64;
  }

  // sums [kColumns, kSumPitch] in shared memory: sums[t][output] for t < batch, and a barrier behind them. x: the chunk
  // at i = begin of chunked_rows(). finishing(): called by the threads that multiply a few chunks before the end.
  template <class F>
  __device__ __forceinline__ const float* multiply(const char* x, int batch, const F& finishing) {
    float acc[2][S::kColumnTiles][4] = {};
    if (!multiplies())
      fetch_x(x, batch * S::kPitch);
    else
      for (int chunk = 0, stage = 0, parity = 0, slot = 0; chunk < chunks_; ++chunk) {
        if (chunk == max(0, chunks_ - 8)) finishing();
        copy_async_wait<S::kDepth - 1>();
        bulk_wait(full(stage), parity);
        multiply_chunk(acc, stage, slot, chunk);
        slot = slot + 1 == S::kDepth ? 0 : slot + 1;
        if (++stage == S::kStages) stage = 0, parity ^= 1;
      }
    return add_parts(acc);
  }

 private:
  // Of a stage of x: a chunk is there; all warps have read it.
  __device__ __forceinline__ uint64_t* full(int stage) const {
    return barriers_ + stage;
  }
  __device__ __forceinline__ uint64_t* empty(int stage) const {
    return barriers_ + S::kStages + stage;
  }
  static __device__ __forceinline__ int part() {
    return threadIdx.x / 32 % 2;
  }
  __device__ __forceinline__ char* stage_of(int stage) const {
    return shared_ + S::kQueueBytes + stage * S::kStageBytes;
  }

  __device__ __forceinline__ void fetch_weights(int chunk) const {
    if (chunk < chunks_) {
      const uint32_t slot = shared_address(shared_ + (chunk % S::kDepth * 8 * kStreamThreads + threadIdx.x) * 16);
      const char* from = source_ + static_cast<int64_t>(chunk) * kWideChunk * 2;
#pragma unroll
      for (int piece = 0; piece < 8; ++piece)  // tile, row of 8, half
        copy_async_16(slot + piece * kStreamThreads * 16, from + piece / 2 * 8 * pitch_ + piece % 2 * 64);
    }
    copy_async_commit();
  }

  // All chunks of x, of so many bytes each.
  __device__ __forceinline__ void fetch_x(const char* x, int bytes) const {
    if (threadIdx.x > kStreamThreads) return;
    for (int chunk = 0, stage = 0, parity = 1; chunk < chunks_; ++chunk, x += bytes) {
      if (chunk >= S::kStages) bulk_wait(empty(stage), parity);
      bulk_expect(full(stage), bytes);
      bulk_copy(shared_address(stage_of(stage)), x, bytes, full(stage));
      if (++stage == S::kStages) stage = 0, parity ^= 1;
    }
  }

  __device__ __forceinline__ void multiply_chunk(float (&acc)[2][S::kColumnTiles][4], int stage, int slot,
                                                 int chunk) const {
    const int lane = threadIdx.x % 32;
    const char* columns = stage_of(stage) + lane / 4 * S::kPitch + part() * 128 + lane % 4 * 16;
    const char* weights = shared_ + (slot * 8 * kStreamThreads + threadIdx.x) * 16;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      uint4 x[S::kColumnTiles], w[4];  // w: tile, row of 8
#pragma unroll
      for (int i = 0; i < 4; ++i) w[i] = shared_16(weights + (i * 2 + h) * kStreamThreads * 16);
#pragma unroll
      for (int c = 0; c < S::kColumnTiles; ++c) x[c] = shared_16(columns + c * 8 * S::kPitch + h * 64);
      if (h == 1) {
        __syncwarp();
        if (lane == 0) bulk_arrive(empty(stage));
        fetch_weights(chunk + S::kDepth);
      }
#pragma unroll
      for (int i = 0; i < 2 * S::kColumnTiles; ++i) {
        const int tile = i / S::kColumnTiles, c = i % S::kColumnTiles;
        Sixteen<T>::multiply(acc[tile][c], w[tile * 2], w[tile * 2 + 1], {{x[c]}});
      }
    }
  }

  // Both parts, through the stages of x, when all are empty; then all sums where the queue was.
  __device__ __forceinline__ const float* add_parts(const float (&acc)[2][S::kColumnTiles][4]) const {
    const int lane = threadIdx.x % 32;
    float4* others = reinterpret_cast<float4*>(stage_of(0)) + of() * 32 + lane;
    float* sums = reinterpret_cast<float*>(shared_);
    copy_async_wait<0>();
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 2 * S::kColumnTiles; ++i) {
      const float(&from)[4] = acc[i % 2][i / 2];
      if (multiplies() && part() == 1) others[i * kStreamThreads / 2] = make_float4(from[0], from[1], from[2], from[3]);
    }
    __syncthreads();
    if (multiplies() && part() == 0)
#pragma unroll
      for (int i = 0; i < 2 * S::kColumnTiles; ++i) {
        const float(&mine)[4] = acc[i % 2][i / 2];
        const float4 other = others[i * kStreamThreads / 2];
        float* to = sums + (i / 2 * 8 + lane % 4 * 2) * S::kSumPitch + of() * 32 + i % 2 * 16 + lane / 4;
        to[0] = mine[0] + other.x, to[S::kSumPitch] = mine[1] + other.y;
        to[8] = mine[2] + other.z, to[S::kSumPitch + 8] = mine[3] + other.w;
      }
    __syncthreads();
    return sums;
  }

  char* shared_;
  uint64_t* barriers_;
  const char* source_;
  int64_t pitch_;
  int chunks_;
};

}  // namespace saker::cuda
