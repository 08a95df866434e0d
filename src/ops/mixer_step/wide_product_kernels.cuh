// in_proj and out_proj of a decode step for 9 to 32 sequences (wide_product.cuh), 2 and 6 of wide_step_kernels.cuh:
//
//   in_proj, convolution window and SiLU  normalised -> u, z
//   out_proj                              residual += y
#pragma once

#include "ops/causal_conv1d/causal_conv1d_kernels.cuh"
#include "ops/mixer_step/wide_product.cuh"

namespace saker::cuda {

inline constexpr int kWideTaps = 4;       // k
inline constexpr int kWideOutSplits = 4;  // blocks that share out_proj's sum over i

struct WideIn {
  const void* weight;       // [2e, d]
  const float* bias;        // [2e] or null
  const void* x;            // [b, d] in chunks
  float* z;                 // [b, e]
  void* u;                  // [b, e]
  float* window;            // [s, k - 1, e]
  const Segment* segments;  // [b], of one token each
  const float* taps;        // [k, e]
  const float* conv_bias;   // [e] or null
  int batch, inputs, channels;
};

// u = silu(conv(x)) of kVector channels of a sequence. inputs: the window, then x.
__device__ __forceinline__ void convolve_vector(const float (&taps)[kWideTaps][kVector],
                                                const float (&inputs)[kWideTaps][kVector], const float (&bias)[kVector],
                                                float (&u)[kVector]) {
#pragma unroll
  for (int v = 0; v < kVector; ++v) {
    float c = bias[v];
#pragma unroll
    for (int j = 0; j < kWideTaps; ++j) c = fmaf(taps[j][v], inputs[j][v], c);
    u[v] = silu(c);
  }
}

// A block has 64 channels: their outputs of the convolution and their gates.
template <class S>
__global__ void __launch_bounds__(kWideProductThreads, 1) wide_in_kernel(const WideIn p) {
  using T = typename S::Element;
  constexpr int kChannels = S::kRows / 2, kPerRow = kChannels / kVector,
                kTurns = S::kColumns * kPerRow / kStreamThreads;
  extern __shared__ __align__(128) char shared[];
  const int64_t e = p.channels;
  const int first = blockIdx.x * kChannels, of = WideStream<S>::of();
  launch_dependents();
  WideStream<S> stream(p.weight, p.inputs, first + of * 32 + (of < 2 ? 0 : p.channels - kChannels), 0, p.inputs,
                       shared);
  // A thread's results are all of the same channels.
  const int c = threadIdx.x % kPerRow * kVector, channel = first + c, row = threadIdx.x / kPerRow;
  wait_for_predecessors();
  const auto turn_row = [&](int turn) { return row + turn * (kStreamThreads / kPerRow); };
  const auto window_of = [&](int64_t slot, int j) { return p.window + (slot * (kWideTaps - 1) + j) * e + channel; };
  const auto slot_of = [&](int t) { return t < p.batch ? p.segments[t].slot : kNoSlot; };
  const auto prefetch_windows = [&] {
#pragma unroll
    for (int turn = 0; turn < kTurns; ++turn) {
      const int64_t slot = slot_of(turn_row(turn));
#pragma unroll
      for (int j = 0; j + 1 < kWideTaps; ++j)
        if (slot >= 0 && c % 32 == 0) prefetch_l2(window_of(slot, j));
    }
  };
  const float* sums = stream.multiply(static_cast<const char*>(p.x), p.batch, prefetch_windows);
  if (!stream.multiplies()) return;
  float taps[kWideTaps][kVector], inputs[kTurns][kWideTaps][kVector] = {};
#pragma unroll
  for (int turn = 0; turn < kTurns; ++turn) {
    const int64_t slot = slot_of(turn_row(turn));
#pragma unroll
    for (int j = 0; j + 1 < kWideTaps; ++j)
      if (slot >= 0) load_vector(window_of(slot, j), inputs[turn][j]);
  }
#pragma unroll
  for (int j = 0; j < kWideTaps; ++j) load_vector(p.taps + j * e + channel, taps[j]);
  float conv_bias[kVector] = {}, of_x[kVector] = {}, of_z[kVector] = {};
  if (p.conv_bias) load_vector(p.conv_bias + channel, conv_bias);
  if (p.bias) load_vector(p.bias + channel, of_x), load_vector(p.bias + e + channel, of_z);
#pragma unroll
  for (int turn = 0; turn < kTurns; ++turn) {
    const int t = turn_row(turn);
    if (t >= p.batch) return;
    float z[kVector], u[kVector];
    load_vector(sums + t * S::kSumPitch + c, inputs[turn][kWideTaps - 1]);
    load_vector(sums + t * S::kSumPitch + kChannels + c, z);
#pragma unroll
    for (int v = 0; v < kVector; ++v) inputs[turn][kWideTaps - 1][v] += of_x[v], z[v] += of_z[v];
    convolve_vector(taps, inputs[turn], conv_bias, u);
    store_vector(p.z + t * e + channel, z);
    store_vector(static_cast<T*>(p.u) + t * e + channel, u);
    const int64_t slot = slot_of(t);
#pragma unroll
    for (int j = 0; j + 1 < kWideTaps; ++j)
      if (slot >= 0) store_vector(window_of(slot, j), inputs[turn][j + 1]);
  }
}

struct WideOut {
  const void* weight;  // [d, e]
  const float* bias;   // [d] or null
  const void* x;       // [b, e] in chunks
  float* residual;     // [b, d]
  float* partial;      // [kWideOutSplits, b, d]
  int* arrived;        // [d / kRows], zeros
  int batch, inputs, outputs;
};

// Block (outputs, part of i). The last of the blocks that share outputs adds up their sums, in the order of i.
template <class S>
__global__ void __launch_bounds__(kWideProductThreads, 1) wide_out_kernel(const WideOut p) {
  constexpr int kPerRow = S::kRows / kVector, kTurns = S::kColumns * kPerRow / kStreamThreads;
  extern __shared__ __align__(128) char shared[];
  const int first = blockIdx.x * S::kRows, length = p.inputs / kWideOutSplits, begin = blockIdx.y * length;
  const int64_t part = static_cast<int64_t>(p.batch) * p.outputs;
  launch_dependents();
  WideStream<S> stream(p.weight, p.inputs, first + WideStream<S>::of() * 32, begin, length, shared);
  wait_for_predecessors();
  const float* sums = stream.multiply(
      static_cast<const char*>(p.x) + static_cast<int64_t>(begin) / kWideChunk * p.batch * S::kPitch, p.batch, [] {});
  if (!stream.multiplies()) return;
  bool& last = *reinterpret_cast<bool*>(shared + S::kBytes - 8);
  const int c = threadIdx.x % kPerRow * kVector, row = threadIdx.x / kPerRow;
#pragma unroll
  for (int turn = 0; turn < kTurns; ++turn) {
    const int t = row + turn * (kStreamThreads / kPerRow);
    if (t < p.batch)
      __stcg(reinterpret_cast<float4*>(p.partial + blockIdx.y * part + static_cast<int64_t>(t) * p.outputs + first + c),
             *reinterpret_cast<const float4*>(sums + t * S::kSumPitch + c));
  }
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) last = atomicAdd(p.arrived + blockIdx.x, 1) == kWideOutSplits - 1;
  __syncthreads();
  if (!last) return;
  __threadfence();
  float bias[kVector] = {};
  if (p.bias) load_vector(p.bias + first + c, bias);
#pragma unroll 4
  for (int turn = 0; turn < kTurns; ++turn) {
    const int t = row + turn * (kStreamThreads / kPerRow);
    if (t >= p.batch) return;
    const int64_t at = static_cast<int64_t>(t) * p.outputs + first + c;
    float4 parts[kWideOutSplits], sum = __ldcg(reinterpret_cast<const float4*>(p.residual + at));
#pragma unroll
    for (int s = 0; s < kWideOutSplits; ++s)
      parts[s] = __ldcg(reinterpret_cast<const float4*>(p.partial + s * part + at));
    float product[kVector] = {bias[0], bias[1], bias[2], bias[3]};
#pragma unroll
    for (int s = 0; s < kWideOutSplits; ++s)
      product[0] += parts[s].x, product[1] += parts[s].y, product[2] += parts[s].z, product[3] += parts[s].w;
    sum.x += product[0], sum.y += product[1], sum.z += product[2], sum.w += product[3];
    *reinterpret_cast<float4*>(p.residual + at) = sum;
  }
}

}  // namespace saker::cuda
