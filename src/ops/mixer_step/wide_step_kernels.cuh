// The kernels of a decode step of one layer for 9 to 256 sequences:
//
//   1. norm                               residual -> normalised
//   2. in_proj, convolution and SiLU      -> u, z
//   3. x_proj, i split over blocks        u -> partial sums of [dt | B | C]
//   4. sums and norms                     -> dt as elements, B, C
//   5. dt_proj, step size, state, gate    -> y
//   6. out_proj                           residual += y
//
// 2 and 6 are wide_product_kernels.cuh for up to 32 sequences; beyond, they are cuBLASLt's, with a kernel for the
// convolution.
//
// The products between are tiles of tensor cores: weight rows as their rows, sequences as their columns. As in
// weight_stream.cuh a lane takes 16 consecutive bytes of both operands, since a sum may run in any order.
//
// 4 and 5 start when 3 has waited, and so when everything before 3 has ended. What neither 3 nor 4 writes is final for
// them: 5 reads states before it waits.
//
// All sums have one order, and no sequence sees another: a sequence's bits depend on neither its row nor its
// neighbours.
#pragma once

#include "ops/causal_conv1d/causal_conv1d_kernels.cuh"
#include "ops/mixer_step/mixer_step_kernels.cuh"
#include "ops/mixer_step/wide_product_kernels.cuh"

namespace saker::cuda {

inline constexpr int kWideRank = 256;     // r
inline constexpr int kWideLength = 512;   // of i, of a block of kernel 3
inline constexpr int kWideColumns = 64;   // sequences of a block of kernel 3
inline constexpr int kWideThreads = 512;  // of kernel 5

// normalised [b, d] = norm(residual), a block for a row; arrived [count] become zeros.
template <class T>
__global__ void __launch_bounds__(kStreamThreads)
    norm_rows_kernel(NormProduct p, ChunkedRows normalised, int* arrived, int count) {
  extern __shared__ __align__(128) char shared[];  // [2, 8] f32
  const int d = p.weight.inputs, row = blockIdx.x;
  launch_dependents();
  float4 weight[4];
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const int i = (j * kStreamThreads + threadIdx.x) * 4;
    weight[j] = i < d ? *reinterpret_cast<const float4*>(p.norm + i) : make_float4(0, 0, 0, 0);
  }
  wait_for_predecessors();
  if (row == 0 && static_cast<int>(threadIdx.x) < count) arrived[threadIdx.x] = 0;
  p.residual += static_cast<int64_t>(row) * d, p.batch = 1;
  const auto store = [&](int, int i, const uint2& four) {
    *reinterpret_cast<uint2*>(static_cast<T*>(normalised.data) + normalised.at(row, i)) = four;
  };
  normalise_rows<T>(p, weight, store, reinterpret_cast<float*>(shared));
}

struct StepConvolution {
  const float* x;           // [b, e], rows x_pitch apart
  void* u;                  // [b, e]
  float* window;            // [s, k - 1, e]
  const Segment* segments;  // [b], of one token each
  const float* taps;        // [k, e]
  const float* bias;        // [e] or null
  int channels, x_pitch;
};

// A thread has kVector channels of a sequence.
template <class T>
__global__ void __launch_bounds__(128) step_convolution_kernel(const StepConvolution p) {
  const int channel = (blockIdx.x * 128 + threadIdx.x) * kVector, row = blockIdx.y;
  const int64_t e = p.channels, slot = p.segments[row].slot;
  float* window = p.window + slot * (kWideTaps - 1) * e + channel;
  launch_dependents();
  float taps[kWideTaps][kVector], inputs[kWideTaps][kVector] = {}, bias[kVector] = {}, u[kVector];
#pragma unroll
  for (int j = 0; j < kWideTaps; ++j) load_vector(p.taps + j * e + channel, taps[j]);
  if (p.bias) load_vector(p.bias + channel, bias);
  wait_for_predecessors();
#pragma unroll
  for (int j = 0; j + 1 < kWideTaps; ++j)
    if (slot >= 0) load_vector(window + j * e, inputs[j]);
  load_vector(p.x + static_cast<int64_t>(row) * p.x_pitch + channel, inputs[kWideTaps - 1]);
  convolve_vector(taps, inputs, bias, u);
  store_vector(static_cast<T*>(p.u) + row * e + channel, u);
#pragma unroll
  for (int j = 0; j + 1 < kWideTaps; ++j)
    if (slot >= 0) store_vector(window + j * e, inputs[j + 1]);
}

// kRows rows of kLength elements from `from`, `stride` elements apart, of which `valid` exist; the others become zeros.
template <int kRows, int kLength, int kThreads>
__device__ __forceinline__ void fetch_padded(char* to, const void* from, int64_t stride, int valid) {
  constexpr int kPieces = kLength / 8, kTurns = kRows * kPieces / kThreads;
  static_assert(kThreads % kPieces == 0 && kTurns * kThreads == kRows * kPieces);
  const int first = threadIdx.x / kPieces, piece = threadIdx.x % kPieces;
#pragma unroll
  for (int turn = 0; turn < kTurns; ++turn) {
    const int row = first + turn * (kThreads / kPieces);
    const bool exists = row < valid;
    copy_async_16(shared_address(to) + row * padded_row(kLength) + piece * 16,
                  static_cast<const char*>(from) + ((exists ? row : 0) * stride + piece * 8) * 2, exists);
  }
}

// kRowTiles tiles of 16 outputs. Of a block's 8 warps kWarpsR share the outputs, two the sequences, the others the sum
// over i.
template <class T, int kRowTiles_, int kWarpsR_>
struct WideSplitShape {
  using Element = T;
  static constexpr int kRowTiles = kRowTiles_, kRows = 16 * kRowTiles, kPitch = padded_row(kWideLength);
  static constexpr int kWarpsR = kWarpsR_, kParts = 4 / kWarpsR;
  static constexpr int kBytes = (kRows + kWideColumns) * kPitch;
  static_assert(kRowTiles % kWarpsR == 0);
};

// Kernel 3: block (outputs, part of i, sequences). partial [e / kWideLength, b, r + 2n].
template <class S>
__global__ void __launch_bounds__(kStreamThreads) wide_split_kernel(const SplitProduct p) {
  using T = typename S::Element;
  constexpr int kTiles = S::kRowTiles / S::kWarpsR, kColumnTiles = kWideColumns / 8 / 2,
                kHalves = kWideLength / 32 / S::kParts;
  extern __shared__ __align__(128) char shared[];
  char *weights = shared, *x = shared + S::kRows * S::kPitch;
  const int first = blockIdx.x * S::kRows, begin = blockIdx.y * kWideLength, t0 = blockIdx.z * kWideColumns;
  const int64_t e = p.weight.inputs;
  fetch_padded<S::kRows, kWideLength, kStreamThreads>(weights, static_cast<const T*>(p.weight.data) + first * e + begin,
                                                      e, p.weight.outputs - first);
  wait_for_predecessors();
  launch_dependents();  // not before: see above
  fetch_padded<kWideColumns, kWideLength, kStreamThreads>(x, static_cast<const T*>(p.x) + t0 * e + begin, e,
                                                          p.batch - t0);
  copy_async_commit();
  copy_async_wait<0>();
  __syncthreads();

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, part = warp / (2 * S::kWarpsR);
  const int row = warp / 2 % S::kWarpsR * kTiles * 16 + lane / 4, column = warp % 2 * kColumnTiles * 8 + lane / 4;
  const char* a = weights + row * S::kPitch + part * kHalves * 64 + lane % 4 * 16;
  const char* b = x + column * S::kPitch + part * kHalves * 64 + lane % 4 * 16;
  float acc[kTiles][kColumnTiles][4] = {};
#pragma unroll 2
  for (int h = 0; h < kHalves; ++h, a += 64, b += 64) {
    uint4 of_x[kColumnTiles];
#pragma unroll
    for (int c = 0; c < kColumnTiles; ++c) of_x[c] = shared_16(b + c * 8 * S::kPitch);
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      const uint4 low = shared_16(a + tile * 16 * S::kPitch), high = shared_16(a + (tile * 16 + 8) * S::kPitch);
#pragma unroll
      for (int c = 0; c < kColumnTiles; ++c) Sixteen<T>::multiply(acc[tile][c], low, high, {{of_x[c]}});
    }
  }
  // The sums of the other parts go to the first through shared memory, which all are done with.
  constexpr int kSharing = kStreamThreads / S::kParts, kSums = kTiles * kColumnTiles;
  float4* sums = reinterpret_cast<float4*>(shared) + threadIdx.x % kSharing;
  __syncthreads();
  if (part > 0)
#pragma unroll
    for (int i = 0; i < kSums; ++i) {
      const float(&from)[4] = acc[i / kColumnTiles][i % kColumnTiles];
      sums[((part - 1) * kSums + i) * kSharing] = make_float4(from[0], from[1], from[2], from[3]);
    }
  __syncthreads();
  if (part > 0) return;
#pragma unroll
  for (int i = 0; i < kSums; ++i) {
    float(&sum)[4] = acc[i / kColumnTiles][i % kColumnTiles];
#pragma unroll
    for (int other = 0; other + 1 < S::kParts; ++other) {
      const float4 more = sums[(other * kSums + i) * kSharing];
      sum[0] += more.x, sum[1] += more.y, sum[2] += more.z, sum[3] += more.w;
    }
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const int output = first + row + i / kColumnTiles * 16 + k / 2 * 8;
      const int t = t0 + warp % 2 * kColumnTiles * 8 + i % kColumnTiles * 8 + lane % 4 * 2 + k % 2;
      if (output < p.weight.outputs && t < p.batch)
        p.partial[(static_cast<int64_t>(blockIdx.y) * p.batch + t) * p.weight.outputs + output] = sum[k];
    }
  }
}

struct StepNorms {
  const float* partial;  // [splits, b, r + 2n]
  void* dt;              // [b, r]
  float* B_C;            // [b, 2n]
  int splits, batch;     // splits up to 16
  float eps;
  bool norms;
};

inline constexpr int kNormsLanes = 96, kNormsGroups = 4;  // threads of a group, of which each adds up some splits
inline constexpr int kNormsThreads = kNormsLanes * kNormsGroups,
                     kNormsBytes = (kNormsGroups * (kWideRank + 2 * kStepStates) / 4 + 1) * 16;

// Kernel 4: a block for a row. A thread has four columns: dt is that of the first two warps, B and C of eight lanes
// behind.
template <class T>
__global__ void __launch_bounds__(kNormsThreads) step_norms_kernel(const StepNorms p) {
  constexpr int kWidth = kWideRank + 2 * kStepStates, kOfDt = kWideRank / 4, kOfB = kStepStates / 4, kMost = 4;
  static_assert(kOfDt == 64 && kOfB == 4 && kWidth / 4 <= kNormsLanes);
  extern __shared__ __align__(128) char shared[];
  float4* sums = reinterpret_cast<float4*>(shared);                                   // [kNormsGroups, kWidth / 4]
  float* squares_of_dt = reinterpret_cast<float*>(sums + kNormsGroups * kWidth / 4);  // [2]
  const int thread = threadIdx.x % kNormsLanes, group = threadIdx.x / kNormsLanes, row = blockIdx.x;
  launch_dependents();
  wait_for_predecessors();
  if (thread < kWidth / 4) {
    const int count = p.splits / kNormsGroups;
    const int64_t pitch = static_cast<int64_t>(p.batch) * (kWidth / 4);
    const float4* from =
        reinterpret_cast<const float4*>(p.partial) + group * count * pitch + row * (kWidth / 4) + thread;
    float4 part[kMost], sum = make_float4(0, 0, 0, 0);
#pragma unroll
    for (int k = 0; k < kMost; ++k) part[k] = k < count ? __ldcg(from + k * pitch) : sum;
#pragma unroll
    for (int k = 0; k < kMost; ++k) sum.x += part[k].x, sum.y += part[k].y, sum.z += part[k].z, sum.w += part[k].w;
    sums[group * (kWidth / 4) + thread] = sum;
  }
  __syncthreads();
  float4 v = make_float4(0, 0, 0, 0);
  if (thread < kWidth / 4) {
#pragma unroll
    for (int g = 0; g < kNormsGroups; ++g) {
      const float4 of_group = sums[g * (kWidth / 4) + thread];
      v.x += of_group.x, v.y += of_group.y, v.z += of_group.z, v.w += of_group.w;
    }
  }
  float squares = v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
#pragma unroll
  for (int other = 1; other < kOfB; other *= 2) squares += __shfl_xor_sync(0xffffffffu, squares, other);
  const float of_B_C = squares;
#pragma unroll
  for (int other = kOfB; other < 32; other *= 2) squares += __shfl_xor_sync(0xffffffffu, squares, other);
  if (threadIdx.x == 0 || threadIdx.x == 32) squares_of_dt[thread / 32] = squares;
  __syncthreads();
  if (group > 0) return;
  const bool is_dt = thread < kOfDt;
  const float mean = is_dt ? (squares_of_dt[0] + squares_of_dt[1]) / kWideRank : of_B_C / kStepStates;
  const float scale = p.norms ? rsqrtf(mean + p.eps) : 1.0f;
  const float made[4] = {v.x * scale, v.y * scale, v.z * scale, v.w * scale};
  if (is_dt)
    store_vector(static_cast<T*>(p.dt) + (static_cast<int64_t>(row) * kOfDt + thread) * 4, made);
  else if (thread < kWidth / 4)
    store_vector(p.B_C + (static_cast<int64_t>(row) * 2 * kOfB + thread - kOfDt) * 4, made);
}

}  // namespace saker::cuda
