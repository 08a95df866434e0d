// The convolution on a GPU: a thread has four channels and walks over a strip of rows with the window
// in registers. The strip that holds a segment's first row reads the old window, and is the one that writes the new
// one.
#pragma once

#include "device/cuda/intrinsics.cuh"
#include "ops/segment.h"

namespace saker::cuda {

template <class X, class T>
struct ConvProblem {
  T* u;                 // [l, e]
  float* state;         // [s, k - 1, e]
  const X* x;           // [l, e]
  const float* weight;  // [k, e]
  const float* bias;    // [e] or null
  const Segment* segments;
  int64_t u_stride, x_stride;
  int segment_count, channels, strip;
};

inline constexpr int kVector = 4;  // channels of a thread

template <class X>
__device__ __forceinline__ void load_vector(const X* from, float (&to)[kVector]) {
  using Raw = std::conditional_t<sizeof(X) == 4, uint4, uint2>;
  const Raw raw = *reinterpret_cast<const Raw*>(from);
  const X* values = reinterpret_cast<const X*>(&raw);
#pragma unroll
  for (int v = 0; v < kVector; ++v) to[v] = widen(values[v]);
}

template <class T>
__device__ __forceinline__ void store_vector(T* to, const float (&from)[kVector]) {
  if constexpr (sizeof(T) == 4)
    *reinterpret_cast<float4*>(to) = make_float4(from[0], from[1], from[2], from[3]);
  else
    *reinterpret_cast<uint2*>(to) = make_uint2(pack(from[0], from[1], T()), pack(from[2], from[3], T()));
}

template <class X, class T, int kKernel, int kAhead>
__global__ void __launch_bounds__(128) causal_conv1d_kernel(const ConvProblem<X, T> p) {
  using Raw = std::conditional_t<sizeof(X) == 4, uint4, uint2>;
  constexpr int kWindow = kKernel - 1;
  const int channel = (blockIdx.x * 128 + threadIdx.x) * kVector;
  if (channel >= p.channels) return;
  float weight[kKernel][kVector], bias[kVector] = {};
#pragma unroll
  for (int j = 0; j < kKernel; ++j) load_vector(p.weight + static_cast<int64_t>(j) * p.channels + channel, weight[j]);
  if (p.bias) load_vector(p.bias + channel, bias);

  // The first segment that ends behind the strip's first row.
  const int64_t begin = static_cast<int64_t>(blockIdx.y) * p.strip, end = begin + p.strip;
  int low = 0, high = p.segment_count;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (p.segments[middle].begin + p.segments[middle].length > begin)
      high = middle;
    else
      low = middle + 1;
  }
  for (int s = low; s < p.segment_count; ++s) {
    const Segment segment = p.segments[s];
    if (segment.begin >= end) return;
    // Rows that need the old window belong to the strip that replaces it.
    const bool owner = segment.begin >= begin;
    const int64_t head = segment.begin + kWindow;
    const int64_t from = owner ? segment.begin : max(begin, head);
    const int64_t to = min(segment.begin + segment.length, owner ? max(end, head) : end);
    if (from >= to) continue;
    // Rows are read kAhead at a time, before the ones before are finished.
    const X* x = p.x + channel;
    T* u = p.u + channel;
    Raw next[kAhead];
    const auto load = [&](int64_t row) {
#pragma unroll
      for (int i = 0; i < kAhead; ++i)
        if (row + i < to) next[i] = __ldg(reinterpret_cast<const Raw*>(x + (row + i) * p.x_stride));
    };
    load(from);
    float* state = p.state + segment.slot * kWindow * p.channels + channel;
    float window[kWindow][kVector] = {};
    if (!owner) {
#pragma unroll
      for (int j = 0; j < kWindow; ++j) load_vector(x + (from - kWindow + j) * p.x_stride, window[j]);
    } else if (segment.slot >= 0) {
#pragma unroll
      for (int j = 0; j < kWindow; ++j) load_vector(state + static_cast<int64_t>(j) * p.channels, window[j]);
      // Input t of the segment; the window before it is t in [-kWindow, 0).
      const auto input = [&](int64_t t, float(&values)[kVector]) {
        if (t >= 0)
          load_vector(x + (segment.begin + t) * p.x_stride, values);
        else
          load_vector(state + (kWindow + t) * p.channels, values);
      };
      float last[kWindow][kVector];
#pragma unroll
      for (int j = 0; j < kWindow; ++j) input(segment.length - kWindow + j, last[j]);
#pragma unroll
      for (int j = 0; j < kWindow; ++j) store_vector(state + static_cast<int64_t>(j) * p.channels, last[j]);
    }
    for (int64_t row = from; row < to; row += kAhead) {
      Raw now[kAhead];
#pragma unroll
      for (int i = 0; i < kAhead; ++i) now[i] = next[i];
      load(row + kAhead);
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        if (row + i >= to) break;
        const X* values = reinterpret_cast<const X*>(&now[i]);
        float c[kVector];
#pragma unroll
        for (int v = 0; v < kVector; ++v) {
          const float value = widen(values[v]);
          c[v] = bias[v];
#pragma unroll
          for (int j = 0; j < kWindow; ++j) c[v] = fmaf(weight[j][v], window[j][v], c[v]);
          c[v] = silu(fmaf(weight[kWindow][v], value, c[v]));
#pragma unroll
          for (int j = 0; j + 1 < kWindow; ++j) window[j][v] = window[j + 1][v];
          window[kWindow - 1][v] = value;
        }
        store_vector(u + (row + i) * p.u_stride, c);
      }
    }
  }
}

}  // namespace saker::cuda
