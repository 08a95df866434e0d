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

#include "ops/linear/streamed_x.cuh"

namespace saker::cuda {

// How weights are stored. kPerLane: weights in 16 bytes. multiply(): sums += the tile of 16 outputs of one half unit,
// `low` the lane's bytes of row lane/4, `high` those of row lane/4 + 8; x: the same places of x.
template <class T>
struct Sixteen {
  using Element = T;
  using Rows = ElementRows<T>;
  static constexpr int kPerLane = 8, kHalvesPerGroup = 0;
  static __device__ __forceinline__ void multiply(float (&acc)[4], const uint4& low, const uint4& high,
                                                  const typename Rows::template Run<kPerLane>& x) {
    mma(acc, low.x, high.x, low.y, high.y, x.words[0].x, x.words[0].y, T());
    mma(acc, low.z, high.z, low.w, high.w, x.words[0].z, x.words[0].w, T());
  }
};

// Weights of integers are multiplied as they are, with x as integers: sums of a group of 128 are exact. With weights of
// at most 128 and coarse and fine as they are, |256 coarse + fine| <= 128 * 128 * 2^15 = 2^29 as a sum of the group,
// too, so that one integer holds it.
struct IntegerSums {
  int coarse[4] = {}, fine[4] = {};

  // Of 32 places of i: l0, h0 the first 16 of a lane's rows, l1, h1 the others.
  __device__ __forceinline__ void add(uint32_t l0, uint32_t h0, uint32_t l1, uint32_t h1, uint32_t coarse0,
                                      uint32_t coarse1, uint32_t fine0, uint32_t fine1) {
    mma_signed(coarse, l0, h0, l1, h1, coarse0, coarse1);
    mma_unsigned(fine, l0, h0, l1, h1, fine0, fine1);
  }
  __device__ __forceinline__ float sum(int k) const { return static_cast<float>(coarse[k] * 256 + fine[k]); }
};

struct Int8 {
  using Element = __nv_bfloat16;
  using Rows = FixedPointRows<false>;
  static constexpr int kPerLane = 16, kHalvesPerGroup = 2;
  static __device__ __forceinline__ void multiply(IntegerSums& sums, const uint4& low, const uint4& high,
                                                  const Rows::Run<kPerLane>& x) {
    const uint4 &coarse = x.coarse[0], &fine = x.fine[0];
    sums.add(low.x, high.x, low.y, high.y, coarse.x, coarse.y, fine.x, fine.y);
    sums.add(low.z, high.z, low.w, high.w, coarse.z, coarse.w, fine.z, fine.w);
  }
};

// A word holds 8 weights + 8: weight 2 j in nibble j, weight 2 j + 1 in nibble j + 4. As signed bytes, 16 times as
// large: .x the weights in the lower halves of bytes, 0, 4, 1, 5, and .y those in the upper, 2, 6, 3, 7.
__device__ __forceinline__ uint2 nibbles_to_bytes(uint32_t word) {
  const uint32_t two_complement = word ^ 0x88888888u;
  return {(two_complement << 4) & 0xf0f0f0f0u, two_complement & 0xf0f0f0f0u};
}

struct Int4 {
  using Element = __nv_bfloat16;
  using Rows = FixedPointRows<true>;
  static constexpr int kPerLane = 32, kHalvesPerGroup = 1;
  static __device__ __forceinline__ void multiply(IntegerSums& sums, const uint4& low, const uint4& high,
                                                  const Rows::Run<kPerLane>& x) {
    const auto word = [&](uint32_t l, uint32_t h, uint32_t coarse0, uint32_t coarse1, uint32_t fine0, uint32_t fine1) {
      const uint2 low_row = nibbles_to_bytes(l), high_row = nibbles_to_bytes(h);
      sums.add(low_row.x, high_row.x, low_row.y, high_row.y, coarse0, coarse1, fine0, fine1);
    };
    word(low.x, high.x, x.coarse[0].x, x.coarse[0].y, x.fine[0].x, x.fine[0].y);
    word(low.y, high.y, x.coarse[0].z, x.coarse[0].w, x.fine[0].z, x.fine[0].w);
    word(low.z, high.z, x.coarse[1].x, x.coarse[1].y, x.fine[1].x, x.fine[1].y);
    word(low.w, high.w, x.coarse[1].z, x.coarse[1].w, x.fine[1].z, x.fine[1].w);
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
  using Rows = ElementRows<Element>;
  static constexpr int kPerLane = 16, kHalvesPerGroup = 0;
  static __device__ __forceinline__ void multiply(float (&acc)[4], const uint4& low, const uint4& high,
                                                  const Rows::Run<kPerLane>& x) {
    const auto step = [&](uint32_t l, uint32_t h, uint32_t x0, uint32_t x1) {
      mma(acc, e4m3_to_bf16<0x1404>(l), e4m3_to_bf16<0x1404>(h), e4m3_to_bf16<0x3424>(l), e4m3_to_bf16<0x3424>(h), x0,
          x1, Element());
    };
    step(low.x, high.x, x.words[0].x, x.words[0].y);
    step(low.y, high.y, x.words[0].z, x.words[0].w);
    step(low.z, high.z, x.words[1].x, x.words[1].y);
    step(low.w, high.w, x.words[1].z, x.words[1].w);
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
      : queue_(reinterpret_cast<const uint4*>(queue) + threadIdx.x) {
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    warp_k_ = warp % S::kWarpsK, warp_r_ = warp / S::kWarpsK;
    begin_ = begin + warp_k_ * S::kUnit;
    blocks_ = length / (S::kWarpsK * S::kUnit);
    pitch_ = weight.inputs * 16 / F::kPerLane;
    const int first = row + warp_r_ * 16 * S::kRowTiles + lane / 4;
    rows_left_ = weight.outputs - first;
    source_ = static_cast<const char*>(weight.data) + static_cast<int64_t>(first) * pitch_ +
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
    for (int u = 0; u < S::kDepth; ++u) issue(0, u, u);
  }

  // Rows x [b, columns] from global memory, and a barrier behind them and the scales.
  __device__ __forceinline__ void fetch(const typename F::Rows& rows, const void* x, int64_t columns, int batch) const {
    rows.fetch(x, columns, begin_ - warp_k_ * S::kUnit, blocks_ * S::kWarpsK * S::kUnit, batch);
    if constexpr (kGroups == 0) {
      copy_async_commit();
      copy_async_wait<0>();
    } else {
      copy_async_wait<S::kDepth - 1>();
    }
    __syncthreads();
  }

  // acc of this warp; the first of x is i = begin. The caller has passed a barrier behind x, and of formats with scales
  // behind copy_async_wait<kDepth - 1>.
  __device__ __forceinline__ void multiply(float (&acc)[S::kRowTiles][4], const typename F::Rows& x, int batch) {
    const int lane = threadIdx.x % 32, row = min(lane / 4, batch - 1);  // what is beyond the last nobody reads
    int i = warp_k_ * S::kUnit + lane % 4 * F::kPerLane;
#pragma unroll
    for (int tile = 0; tile < S::kRowTiles; ++tile)
      for (float& a : acc[tile]) a = 0.0f;
    constexpr int kTogether = S::kRowTiles % 2 == 0 ? 2 : 1;  // tiles at once, to hide latencies
    static_assert(S::kDepth % kTogether == 0);
    int next = 0;
    for (int block = 0; block < blocks_; ++block, i += S::kUnit * S::kWarpsK) {
      const Part part = part_of(x, row, i, block);
#pragma unroll
      for (int tile = 0; tile < S::kRowTiles; tile += kTogether) {
        const int slot = S::kRowTiles % S::kDepth == 0 ? tile % S::kDepth : next;
        copy_async_wait<S::kDepth - kTogether>();
        uint4 a[kTogether][4];
#pragma unroll
        for (int k = 0; k < kTogether; ++k)
#pragma unroll
          for (int piece = 0; piece < 4; ++piece) a[k][piece] = queue_[((slot + k) * 4 + piece) * kStreamThreads];
#pragma unroll
        for (int k = 0; k < kTogether; ++k) multiply_unit(acc[tile + k], a[k], part, block, tile + k);
#pragma unroll
        for (int k = 0; k < kTogether; ++k) issue(block, tile + k + S::kDepth, slot + k);
        next = next + kTogether == S::kDepth ? 0 : next + kTogether;
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
  // Fetches the unit `tile` tiles behind the first of `block`. Of rows beyond the last, nothing.
  __device__ __forceinline__ void issue(int block, int tile, int slot) {
    block += tile / S::kRowTiles, tile %= S::kRowTiles;
    if (block < blocks_) {
      const uint32_t to = shared_address(queue_ + slot * 4 * kStreamThreads);
      const char* from = source_ + block * (128 * S::kWarpsK) + tile * 16 * pitch_;
      if (tile * 16 < rows_left_) {
        copy_async_16(to, from);
        copy_async_16(to + kStreamThreads * 16, from + 64);
      }
      if (tile * 16 + 8 < rows_left_) {
        copy_async_16(to + 2 * kStreamThreads * 16, from + 8 * pitch_);
        copy_async_16(to + 3 * kStreamThreads * 16, from + 8 * pitch_ + 64);
      }
    }
    copy_async_commit();
  }

  // What a lane multiplies a unit with: its places of x, and the scales of two rows of x in each group.
  static constexpr int kGroups = F::kHalvesPerGroup == 0 ? 0 : 2 / F::kHalvesPerGroup;
  struct Part {
    typename F::Rows::template Run<F::kPerLane> halves[2];
    float2 scales[kGroups == 0 ? 1 : kGroups];
  };
  __device__ __forceinline__ Part part_of(const typename F::Rows& x, int row, int i, int block) const {
    Part part;
#pragma unroll
    for (int h = 0; h < 2; ++h) part.halves[h] = x.template load<F::kPerLane>(row, i + h * S::kHalf);
    if constexpr (kGroups > 0) {
#pragma unroll
      for (int g = 0; g < kGroups; ++g)
        part.scales[g] = x.scales((block * S::kWarpsK + warp_k_) * kGroups + g, threadIdx.x % 4 * 2);
    }
    return part;
  }

  __device__ __forceinline__ void multiply_unit(float (&acc)[4], const uint4 (&a)[4], const Part& x, int block,
                                                int tile) const {
    if constexpr (kGroups == 0) {
      F::multiply(acc, a[0], a[2], x.halves[0]);
      F::multiply(acc, a[1], a[3], x.halves[1]);
    } else {
#pragma unroll
      for (int g = 0; g < kGroups; ++g) {
        IntegerSums sums;
#pragma unroll
        for (int h = g * F::kHalvesPerGroup; h < (g + 1) * F::kHalvesPerGroup; ++h)
          F::multiply(sums, a[h], a[2 + h], x.halves[h]);
        const __nv_bfloat16* scale = scales_ + (block * S::kWarpsK * kGroups + g) * S::kRows + tile * 16;
        const float low = __bfloat162float(scale[0]), high = __bfloat162float(scale[8]);
        acc[0] = fmaf(low * x.scales[g].x, sums.sum(0), acc[0]);
        acc[1] = fmaf(low * x.scales[g].y, sums.sum(1), acc[1]);
        acc[2] = fmaf(high * x.scales[g].x, sums.sum(2), acc[2]);
        acc[3] = fmaf(high * x.scales[g].y, sums.sum(3), acc[3]);
      }
    }
  }

  const uint4* queue_;  // of this thread
  const char* source_;  // of this lane: its first row, its first 16 bytes
  const __nv_bfloat16* scales_ = nullptr;
  int pitch_;  // bytes
  int rows_left_, begin_, blocks_, warp_k_, warp_r_;
};

}  // namespace saker::cuda
