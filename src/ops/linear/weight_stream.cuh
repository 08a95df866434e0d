// Products with few rows of x (1 to 8), made so that the bytes of the weights are the only limit.
//
//   acc[o, t] = sum_i weight[o, i] x[t, i]        weight rows as the 16 rows of a tensor-core tile, x as its 8 columns
//
// Every thread streams the weights that it multiplies itself through a queue of its own in shared memory (cp.async), so
// that no thread waits for another, and the queue is filled before the kernels before are done. The sum over i may
// run in any order as long as both operands agree: each lane takes 16 consecutive bytes of a weight row, and the same
// places of x.
//
// A block is 8 warps: kWarpsK of them split i, the others split o; each has kRowTiles tiles of 16 outputs. A unit is
// what a warp multiplies at once: 16 outputs of 2 x 4 lanes x 16 bytes.
#pragma once

#include "device/cuda/intrinsics.cuh"

namespace saker::cuda {

inline constexpr int kStreamThreads = 256;
inline constexpr int kStreamBatch = 8;
inline constexpr int kGroup = 128;  // weights of a row that share a scale

// How weights are stored. kPerLane: weights in 16 bytes. multiply(): acc += the tile of 16 outputs of one half unit,
// `low` the lane's bytes of row lane/4, `high` those of row lane/4 + 8; x: the same places of x.
template <class T>
struct Sixteen {
  using Element = T;
  static constexpr int kPerLane = 8, kHalvesPerGroup = 0;
  static __device__ __forceinline__ void multiply(float (&acc)[4], const uint4& low, const uint4& high,
                                                  const uint4* x) {
    mma(acc, low.x, high.x, low.y, high.y, x[0].x, x[0].y, T());
    mma(acc, low.z, high.z, low.w, high.w, x[0].z, x[0].w, T());
  }
};

// Two of the four signed bytes of a word as bf16: 128 + (q & 127) - (128, or 256 where q is negative), which is exact.
template <int kSelect>
__device__ __forceinline__ uint32_t bytes_to_bf16(uint32_t word) {
  const uint32_t bytes = __byte_perm(word, 0, kSelect);
  const uint32_t value = (bytes & 0x007f007fu) | 0x43004300u, offset = (bytes & 0x00800080u) | 0x43004300u;
  const __nv_bfloat162 result =
      __hsub2(reinterpret_cast<const __nv_bfloat162&>(value), reinterpret_cast<const __nv_bfloat162&>(offset));
  return reinterpret_cast<const uint32_t&>(result);
}

struct Int8 {
  using Element = __nv_bfloat16;
  static constexpr int kPerLane = 16, kHalvesPerGroup = 2;
  static __device__ __forceinline__ void multiply(float (&acc)[4], const uint4& low, const uint4& high,
                                                  const uint4* x) {
    const auto step = [&](uint32_t l, uint32_t h, uint32_t x0, uint32_t x1) {
      mma(acc, bytes_to_bf16<0x4140>(l), bytes_to_bf16<0x4140>(h), bytes_to_bf16<0x4342>(l), bytes_to_bf16<0x4342>(h),
          x0, x1, Element());
    };
    step(low.x, high.x, x[0].x, x[0].y);
    step(low.y, high.y, x[0].z, x[0].w);
    step(low.z, high.z, x[1].x, x[1].y);
    step(low.w, high.w, x[1].z, x[1].w);
  }
};

// A word holds 8 weights + 8: weight 2 j in nibble j, weight 2 j + 1 in nibble j + 4. 128 + (q + 8) - 136 is exact.
__device__ __forceinline__ uint32_t nibbles_to_bf16(uint32_t word, int pair) {
  const uint32_t value = ((word >> (4 * pair)) & 0x000f000fu) | 0x43004300u, offset = 0x43084308u;
  const __nv_bfloat162 result =
      __hsub2(reinterpret_cast<const __nv_bfloat162&>(value), reinterpret_cast<const __nv_bfloat162&>(offset));
  return reinterpret_cast<const uint32_t&>(result);
}

struct Int4 {
  using Element = __nv_bfloat16;
  static constexpr int kPerLane = 32, kHalvesPerGroup = 1;
  static __device__ __forceinline__ void multiply(float (&acc)[4], const uint4& low, const uint4& high,
                                                  const uint4* x) {
    const auto word = [&](uint32_t l, uint32_t h, const uint4& v) {
      mma(acc, nibbles_to_bf16(l, 0), nibbles_to_bf16(h, 0), nibbles_to_bf16(l, 1), nibbles_to_bf16(h, 1), v.x, v.y,
          Element());
      mma(acc, nibbles_to_bf16(l, 2), nibbles_to_bf16(h, 2), nibbles_to_bf16(l, 3), nibbles_to_bf16(h, 3), v.z, v.w,
          Element());
    };
    word(low.x, high.x, x[0]);
    word(low.y, high.y, x[1]);
    word(low.z, high.z, x[2]);
    word(low.w, high.w, x[3]);
  }
};

// Two of the four e4m3 of a word as bf16. The fields of an e4m3 in a bf16 are 2^120 too small, subnormal ones too.
template <int kSelect>
__device__ __forceinline__ uint32_t e4m3_to_bf16(uint32_t word) {
  const uint32_t high = __byte_perm(word, 0, kSelect);  // each in the upper half of 16 bits
  const uint32_t fields = ((high >> 4) & 0x07f007f0u) | (high & 0x80008000u), by = 0x7b807b80u;
  const __nv_bfloat162 result =
      __hmul2(reinterpret_cast<const __nv_bfloat162&>(fields), reinterpret_cast<const __nv_bfloat162&>(by));
  return reinterpret_cast<const uint32_t&>(result);
}

// A scale for each output, which the finished sums are multiplied with.
struct Fp8 {
  using Element = __nv_bfloat16;
  static constexpr int kPerLane = 16, kHalvesPerGroup = 0;
  static __device__ __forceinline__ void multiply(float (&acc)[4], const uint4& low, const uint4& high,
                                                  const uint4* x) {
    const auto step = [&](uint32_t l, uint32_t h, uint32_t x0, uint32_t x1) {
      mma(acc, e4m3_to_bf16<0x1404>(l), e4m3_to_bf16<0x1404>(h), e4m3_to_bf16<0x3424>(l), e4m3_to_bf16<0x3424>(h), x0,
          x1, Element());
    };
    step(low.x, high.x, x[0].x, x[0].y);
    step(low.y, high.y, x[0].z, x[0].w);
    step(low.z, high.z, x[1].x, x[1].y);
    step(low.w, high.w, x[1].z, x[1].w);
  }
};

// A weight matrix [o, i] as it is stored; scales [i / kGroup, o] bf16 or output_scales [o] of the formats that have
// them.
struct StreamedWeight {
  const void* data;
  const __nv_bfloat16* scales;
  int outputs, inputs;
  const float* output_scales = nullptr;
};

// What the sums of an output are multiplied with; of outputs beyond the last whatever is there.
template <class Format>
__device__ __forceinline__ float output_scale(const StreamedWeight& weight, int output) {
  if constexpr (std::is_same_v<Format, Fp8>)
    return output < weight.outputs ? weight.output_scales[output] : 0.0f;
  else
    return 1.0f;
}

template <class Format, int kRowTiles_, int kWarpsK_, int kDepth_>
struct StreamShape {
  using F = Format;
  static constexpr int kRowTiles = kRowTiles_, kWarpsK = kWarpsK_, kDepth = kDepth_;
  static constexpr int kWarpsR = 8 / kWarpsK, kRows = 16 * kRowTiles * kWarpsR;
  static constexpr int kHalf = 4 * Format::kPerLane, kUnit = 2 * kHalf;  // of i
  static constexpr int kQueueBytes = kDepth * 64 * kStreamThreads;
  static constexpr int kSumBytes = kWarpsK * kRows * kStreamBatch * 4;
  // The sums of the warps take the place of the queues when these are empty.
  static constexpr int kBytes = kQueueBytes > kSumBytes ? kQueueBytes : kSumBytes;
  static constexpr int kVectors = Format::kPerLane / 8;  // of 8 elements of x in half a unit
  // Scales of a block's outputs for `inputs` of i.
  __host__ __device__ static constexpr int scale_bytes(int inputs) {
    return Format::kHalvesPerGroup == 0 ? 0 : inputs / kGroup * kRows * 2;
  }
};

// The product of a block: outputs [row, row + kRows), i in [begin, begin + length) with length a multiple of
// kWarpsK kUnit.
template <class S>
class WeightStream {
  using F = typename S::F;

 public:
  // Starts to fill the queues.
  __device__ WeightStream(const StreamedWeight& weight, int row, int begin, int length, char* queue, char* scales)
      : queue_(reinterpret_cast<const uint4*>(queue)) {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    warp_k_ = warp % S::kWarpsK, warp_r_ = warp / S::kWarpsK;
    begin_ = begin + warp_k_ * S::kUnit;
    blocks_ = length / (S::kWarpsK * S::kUnit);
    pitch_ = static_cast<int64_t>(weight.inputs) * 16 / F::kPerLane;
    const int first = row + warp_r_ * 16 * S::kRowTiles + lane / 4;
    rows_left_ = weight.outputs - first;
    source_ = static_cast<const char*>(weight.data) + first * pitch_ +
              (begin_ / F::kPerLane + lane % 4) * static_cast<int64_t>(16);
    if constexpr (F::kHalvesPerGroup > 0) {
      scales_ = reinterpret_cast<const __nv_bfloat16*>(scales) + warp_r_ * 16 * S::kRowTiles + lane / 4 +
                warp_k_ * S::kUnit / kGroup * S::kRows;
      const int chunks = S::kRows / 8, count = length / kGroup * chunks;
      for (int c = threadIdx.x; c < count; c += kStreamThreads) {
        const int group = c / chunks, chunk = c % chunks, output = row + chunk * 8;
        copy_async_16(shared_address(scales) + c * 16,
                      weight.scales + static_cast<int64_t>(begin / kGroup + group) * weight.outputs + output,
                      output < weight.outputs);
      }
    }
#pragma unroll
    for (int u = 0; u < S::kDepth; ++u) issue(u);
  }

  // acc of this warp. x: rows of elements in shared memory, `pitch` bytes apart, of which the first is i = begin. The
  // caller has passed a barrier after copy_async_wait<kDepth - 1>, so that scales are there.
  __device__ __forceinline__ void multiply(float (&acc)[S::kRowTiles][4], const char* x_rows, int pitch, int batch) {
    const int lane = threadIdx.x % 32, column = lane / 4;
    const char* x_row = x_rows + column * pitch + (warp_k_ * S::kUnit + lane % 4 * F::kPerLane) * 2;
#pragma unroll
    for (int tile = 0; tile < S::kRowTiles; ++tile)
      for (float& a : acc[tile]) a = 0.0f;
    constexpr int kTogether = S::kRowTiles % 2 == 0 ? 2 : 1;  // tiles at once, to hide latencies
    int unit = 0;
    for (int block = 0; block < blocks_; ++block, x_row += S::kUnit * S::kWarpsK * 2) {
      uint4 x[2][S::kVectors];
#pragma unroll
      for (int h = 0; h < 2; ++h)
#pragma unroll
        for (int v = 0; v < S::kVectors; ++v)
          x[h][v] = column < batch ? *reinterpret_cast<const uint4*>(x_row + (h * S::kHalf + v * 8) * 2)
                                   : make_uint4(0, 0, 0, 0);
#pragma unroll
      for (int tile = 0; tile < S::kRowTiles; tile += kTogether, unit += kTogether) {
        copy_async_wait<S::kDepth - kTogether>();
        uint4 a[kTogether][4];
#pragma unroll
        for (int k = 0; k < kTogether; ++k) {
          const uint4* slot = queue_ + (unit + k) % S::kDepth * 4 * kStreamThreads + threadIdx.x;
#pragma unroll
          for (int piece = 0; piece < 4; ++piece) a[k][piece] = slot[piece * kStreamThreads];
        }
#pragma unroll
        for (int k = 0; k < kTogether; ++k) multiply_unit(acc[tile + k], a[k], x, block, tile + k);
#pragma unroll
        for (int k = 0; k < kTogether; ++k) issue(unit + k + S::kDepth);
      }
    }
  }

  // The sums of all warps: result(row, t) afterwards, in one order.
  __device__ __forceinline__ void reduce(const float (&acc)[S::kRowTiles][4], float* sums) const {
    const int lane = threadIdx.x % 32;
    copy_async_wait<0>();
    __syncthreads();  // every queue is empty
#pragma unroll
    for (int tile = 0; tile < S::kRowTiles; ++tile) {
      const int row = (warp_r_ * S::kRowTiles + tile) * 16 + lane / 4;
      float2* low = reinterpret_cast<float2*>(sums + (warp_k_ * S::kRows + row) * kStreamBatch + lane % 4 * 2);
      low[0] = make_float2(acc[tile][0], acc[tile][1]);
      low[8 * kStreamBatch / 2] = make_float2(acc[tile][2], acc[tile][3]);
    }
    __syncthreads();
  }
  static __device__ __forceinline__ float result(const float* sums, int row, int t) {
    float sum = 0.0f;
#pragma unroll
    for (int k = 0; k < S::kWarpsK; ++k) sum += sums[(k * S::kRows + row) * kStreamBatch + t];
    return sum;
  }

 private:
  __device__ __forceinline__ void issue(int unit) {
    const int block = unit / S::kRowTiles, tile = unit % S::kRowTiles;
    if (block < blocks_) {
      const uint32_t slot = shared_address(queue_ + unit % S::kDepth * 4 * kStreamThreads + threadIdx.x);
      const char* from = source_ + tile * 16 * pitch_ + block * (128 * S::kWarpsK);
      const bool low = tile * 16 < rows_left_, high = tile * 16 + 8 < rows_left_;
      copy_async_16(slot, low ? from : source_, low);
      copy_async_16(slot + kStreamThreads * 16, low ? from + 64 : source_, low);
      copy_async_16(slot + 2 * kStreamThreads * 16, high ? from + 8 * pitch_ : source_, high);
      copy_async_16(slot + 3 * kStreamThreads * 16, high ? from + 8 * pitch_ + 64 : source_, high);
    }
    copy_async_commit();
  }

  __device__ __forceinline__ void multiply_unit(float (&acc)[4], const uint4 (&a)[4], const uint4 (&x)[2][S::kVectors],
                                                int block, int tile) const {
    if constexpr (F::kHalvesPerGroup == 0) {
      F::multiply(acc, a[0], a[2], x[0]);
      F::multiply(acc, a[1], a[3], x[1]);
    } else {
      float part[4] = {};
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        F::multiply(part, a[h], a[2 + h], x[h]);
        if ((h + 1) % F::kHalvesPerGroup != 0) continue;
        const __nv_bfloat16* scale = scales_ + (block * S::kWarpsK * 2 + h) / F::kHalvesPerGroup * S::kRows + tile * 16;
        const float low = __bfloat162float(scale[0]), high = __bfloat162float(scale[8]);
        acc[0] += low * part[0], acc[1] += low * part[1], acc[2] += high * part[2], acc[3] += high * part[3];
        part[0] = part[1] = part[2] = part[3] = 0.0f;
      }
    }
  }

  const uint4* queue_;
  const char* source_;  // of this lane: its first row, its first 16 bytes
  const __nv_bfloat16* scales_ = nullptr;
  int64_t pitch_;
  int rows_left_, begin_, blocks_, warp_k_, warp_r_;
};

// Columns [begin, begin + length) of x [b, columns] into shared memory, rows `pitch` bytes apart; they arrive with the
// next copies of the queue.
__device__ __forceinline__ void fetch_x(char* to, int pitch, const void* x, int64_t columns, int begin, int length,
                                        int batch) {
  for (int t = 0; t < batch; ++t)
    for (int i = threadIdx.x; i < length / 8; i += kStreamThreads)
      copy_async_16(shared_address(to) + t * pitch + i * 16,
                    static_cast<const char*>(x) + (t * columns + begin + i * 8) * 2);
}

}  // namespace saker::cuda
