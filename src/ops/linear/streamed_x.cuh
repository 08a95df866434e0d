// x [b, length] of a product with streamed weights (weight_stream.cuh) in shared memory: as elements, or for integer
// weights as 16-bit fixed point, so that tensor cores multiply integers with integers:
//
//   x[t, i] = scale[t, g] (256 coarse[t, i] + fine[t, i])       g the group of 128 neighbours of a row that i is in
//
// coarse a signed byte, fine an unsigned one. scale is the power of two for which the largest of the group lies in
// [2^14, 2^15). So a bf16 of at least 2^-7 of that keeps its value, and what is smaller is off by scale / 2 at most,
// 2^-15 of the largest. Below 2^-110 everything counts as zero; a group with an infinity or NaN is NaN.
#pragma once

#include "device/cuda/intrinsics.cuh"

namespace saker::cuda {

inline constexpr int kStreamThreads = 256;
inline constexpr int kStreamBatch = 8;
inline constexpr int kGroup = 128;  // weights of a row, and elements of x, that share a scale

template <class T>
class ElementRows {
 public:
  // kCount neighbours.
  template <int kCount>
  struct Run {
    uint4 words[kCount / 8];
  };
  __host__ __device__ static constexpr int bytes(int length, int batch) { return batch * (length * 2 + 64); }

  __device__ ElementRows(char* shared, int length, int) : data_(shared), pitch_(length * 2 + 64) {}

  // Columns [begin, begin + length) of x [b, columns]; they arrive with the next copies of the queue.
  __device__ __forceinline__ void fetch(const void* x, int64_t columns, int begin, int length, int batch) const {
    for (int t = 0; t < batch; ++t)
      for (int i = threadIdx.x; i < length / 8; i += kStreamThreads)
        copy_async_16(shared_address(data_) + t * pitch_ + i * 16,
                      static_cast<const char*>(x) + (t * columns + begin + i * 8) * 2);
  }
  // Neighbours i to i + 3.
  __device__ __forceinline__ void store(int t, int i, uint2 four) const {
    *reinterpret_cast<uint2*>(data_ + t * pitch_ + i * 2) = four;
  }
  template <int kCount>
  __device__ __forceinline__ Run<kCount> load(int t, int i) const {
    Run<kCount> run;
#pragma unroll
    for (int v = 0; v < kCount / 8; ++v)
      run.words[v] = *reinterpret_cast<const uint4*>(data_ + t * pitch_ + (i + v * 8) * 2);
    return run;
  }

 private:
  char* data_;
  int pitch_;
};

// Each row coarse, then fine. kNibbles: for weights of 4 bits, which come times 16, and of each eight neighbours first
// those in the lower halves of bytes: 0, 4, 1, 5, 2, 6, 3, 7.
template <bool kNibbles>
class FixedPointRows {
 public:
  template <int kCount>
  struct Run {
    uint4 coarse[kCount / 16], fine[kCount / 16];
  };
  __host__ __device__ static constexpr int bytes(int length, int batch) {
    return batch * (length * 2 + kPad) + length / kGroup * kStreamBatch * 4;
  }

  __device__ FixedPointRows(char* shared, int length, int batch)
      : data_(shared),
        scales_(reinterpret_cast<float*>(shared + batch * (length * 2 + kPad))),
        length_(length),
        pitch_(length * 2 + kPad) {}

  // Columns [begin, begin + length) of x [b, columns] in bf16; length is a multiple of kChunk.
  __device__ __forceinline__ void fetch(const void* x, int64_t columns, int begin, int length, int batch) const {
    constexpr int kChunk = 4 * kStreamThreads, kAhead = 8;  // of a row; that are fetched together
    const auto* from = static_cast<const __nv_bfloat16*>(x) + begin + threadIdx.x * 4;
    const int count = batch * (length / kChunk);
    int next_t = 0, next_i = 0, t = 0, i = 0;
    const auto step = [&](int& row, int& at) {
      at += kChunk;
      if (at == length) at = 0, ++row;
    };
    const auto load = [&](uint2(&four)[kAhead]) {
#pragma unroll
      for (int k = 0; k < kAhead; ++k, step(next_t, next_i))
        four[k] = next_t < batch ? __ldcg(reinterpret_cast<const uint2*>(from + next_t * columns + next_i))
                                 : make_uint2(0, 0);
    };
    uint2 four[kAhead], next[kAhead];
    load(four);
    for (int first = 0; first < count; first += kAhead) {
      if (first + kAhead < count) load(next);
#pragma unroll
      for (int k = 0; k < kAhead; ++k, step(t, i)) {
        store(t, i + static_cast<int>(threadIdx.x) * 4, four[k], t < batch);
        four[k] = next[k];
      }
    }
  }
  // Neighbours i to i + 3 in bf16; nowhere if they are not `there`. All lanes of a warp together, which have those of a
  // group.
  __device__ __forceinline__ void store(int t, int i, uint2 four, bool there = true) const {
    const uint32_t pairs = __vmaxu2(four.x & 0x7fff7fffu, four.y & 0x7fff7fffu);
    const uint32_t largest = __reduce_max_sync(0xffffffffu, max(pairs & 0xffffu, pairs >> 16)) >> 7;
    const uint32_t exponent = max(largest, kLeastExponent);
    const float per_scale = __uint_as_float((254 + 14 - exponent) << 23);
    if constexpr (kNibbles) {
      const bool odd = threadIdx.x % 2 != 0;
      const uint32_t other = __shfl_xor_sync(0xffffffffu, odd ? four.x : four.y, 1);
      four = odd ? make_uint2(other, four.y) : make_uint2(four.x, other);
    }
    // Rounded to an integer, to nearest even, by an addition that leaves it in the low bits.
    const auto fixed = [&](uint32_t bits) {
      return __float_as_uint(fmaf(__uint_as_float(bits), per_scale, 0x1.8p23f));
    };
    const uint32_t a = fixed(four.x << 16), b = fixed(four.x & 0xffff0000u), c = fixed(four.y << 16),
                   d = fixed(four.y & 0xffff0000u);
    constexpr bool kInOrder = !kNibbles;
    const uint32_t first = __byte_perm(a, kInOrder ? b : c, 0x5410), last = __byte_perm(kInOrder ? c : b, d, 0x5410);
    char* const to = data_ + t * pitch_ + i;
    if (there) *reinterpret_cast<uint32_t*>(to) = __byte_perm(first, last, 0x7531);
    if (there) *reinterpret_cast<uint32_t*>(to + length_) = __byte_perm(first, last, 0x6420);
    if (there && threadIdx.x % 32 == 0)
      scales_[i / kGroup * kStreamBatch + t] =
          __uint_as_float(largest == 255 ? 0x7fffffffu : (exponent - (kNibbles ? 14 + 4 : 14)) << 23);
  }
  template <int kCount>
  __device__ __forceinline__ Run<kCount> load(int t, int i) const {
    const char* from = data_ + t * pitch_ + i;
    Run<kCount> run;
#pragma unroll
    for (int v = 0; v < kCount / 16; ++v) {
      run.coarse[v] = *reinterpret_cast<const uint4*>(from + v * 16);
      run.fine[v] = *reinterpret_cast<const uint4*>(from + length_ + v * 16);
    }
    return run;
  }
  // Of rows t and t + 1.
  __device__ __forceinline__ float2 scales(int group, int t) const {
    return *reinterpret_cast<const float2*>(scales_ + group * kStreamBatch + t);
  }

 private:
  static constexpr int kPad = kNibbles ? 16 : 64;  // lanes' pieces of two rows lie in different banks
  static constexpr uint32_t kLeastExponent = 32;   // of bf16, biased

  char* data_;
  float* scales_;  // [length / kGroup, kStreamBatch]
  int length_, pitch_;
};

}  // namespace saker::cuda
