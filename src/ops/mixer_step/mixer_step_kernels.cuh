// The four kernels of a decode step of one layer, for 1 to 8 sequences. Weights stream (weight_stream.cuh); everything
// else is computed where its inputs are made:
//
//   1. norm + in_proj (+ convolution window and SiLU)     residual -> u, z
//   2. x_proj, i split over blocks                        u -> partial sums of [dt | B | C]
//   3. sum, norms, dt_proj, step size, state, gate        -> y
//   4. out_proj                                           residual += y
//
// 1 also serves as final norm and head. All sums have one order, and no sequence sees another: a sequence's bits do
// not depend on its neighbours or on their number.
#pragma once

#include "ops/mixer_step/weight_stream.cuh"

namespace saker::cuda {

inline constexpr int kStepStates = 16;        // n
inline constexpr int kStepSplits = 8;         // blocks that share x_proj's sum over i
inline constexpr int kStepMaxModel = 4096;    // d
inline constexpr int kStepChannels = 64;      // of a block of kernel 3

struct NormProduct {
  StreamedWeight weight;  // [o, d]
  const float* bias;      // [o] or null
  const float* residual;  // [b, d]
  const float* norm;      // [d]
  float eps;
  int batch;
  float* y;               // [b, o]; with a convolution only z of it, [b, 2e], is written
  // The convolution of outputs [0, e); null: none.
  void* u;                // [b, e] of the weights' type
  float* window;          // [s, k - 1, e]
  const int32_t* slots;   // [b]
  const float* taps;      // [k, e]
  const float* conv_bias; // [e] or null
  int channels, kernel;
};

template <class S>
constexpr int norm_product_bytes(int d, int batch) {
  return S::kBytes + batch * (d * 2 + 64) + S::scale_bytes(d) + 2 * 8 * 4;
}

// x = norm(residual) as elements in shared memory, rows `pitch` bytes apart.
template <class T>
__device__ __forceinline__ void normalise_rows(const NormProduct& p, const float4 (&weight)[4], char* x, int pitch,
                                               float* warp_sums) {
  const int d = p.weight.inputs;
  float4 v[4], next[4];
  const auto load = [&](int t, float4(&to)[4]) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int i = (j * kStreamThreads + threadIdx.x) * 4;
      to[j] = i < d ? __ldcg(reinterpret_cast<const float4*>(p.residual + static_cast<int64_t>(t) * d + i))
                    : make_float4(0, 0, 0, 0);
    }
  };
  load(0, next);
  for (int t = 0; t < p.batch; ++t) {
    float squares = 0.0f;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      v[j] = next[j];
      squares += v[j].x * v[j].x + v[j].y * v[j].y + v[j].z * v[j].z + v[j].w * v[j].w;
    }
    if (t + 1 < p.batch) load(t + 1, next);
    squares = warp_sum(squares);
    float* sums = warp_sums + t % 2 * 8;
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = squares;
    __syncthreads();
    float total = 0.0f;
#pragma unroll
    for (int w = 0; w < 8; ++w) total += sums[w];
    const float scale = rsqrtf(total / d + p.eps);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int i = (j * kStreamThreads + threadIdx.x) * 4;
      if (i >= d) continue;
      const uint2 pair = {pack(weight[j].x * (v[j].x * scale), weight[j].y * (v[j].y * scale), T()),
                          pack(weight[j].z * (v[j].z * scale), weight[j].w * (v[j].w * scale), T())};
      *reinterpret_cast<uint2*>(x + t * pitch + i * 2) = pair;
    }
  }
  __syncthreads();
}

// u = silu(conv(x)) of one channel and sequence; the window moves on by x.
template <class T>
__device__ __forceinline__ void convolve(const NormProduct& p, int channel, int t, float x) {
  const int e = p.channels, k = p.kernel;
  float* window = p.window + static_cast<int64_t>(p.slots[t]) * (k - 1) * e + channel;
  float c = p.conv_bias ? p.conv_bias[channel] : 0.0f;
  for (int j = 0; j + 1 < k; ++j) {
    const float old = window[j * static_cast<int64_t>(e)];
    if (j > 0) window[(j - 1) * static_cast<int64_t>(e)] = old;
    c += p.taps[j * static_cast<int64_t>(e) + channel] * old;
  }
  window[(k - 2) * static_cast<int64_t>(e)] = x;
  c += p.taps[(k - 1) * static_cast<int64_t>(e) + channel] * x;
  static_cast<T*>(p.u)[static_cast<int64_t>(t) * e + channel] = round_to<T>(silu(c));
}

template <class S, int kPrefetch>
__global__ void __launch_bounds__(kStreamThreads, 2) norm_product_kernel(const NormProduct p) {
  using T = typename S::F::Element;
  extern __shared__ __align__(128) char shared[];
  const int d = p.weight.inputs, pitch = d * 2 + 64, row = blockIdx.x * S::kRows;
  char *x = shared + S::kBytes, *scales = x + p.batch * pitch;
  float* warp_sums = reinterpret_cast<float*>(scales + S::scale_bytes(d));
  launch_dependents();
  WeightStream<S> stream(p.weight, row, 0, d, shared, scales);
  stream.prefetch(kPrefetch);
  float4 weight[4];
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const int i = (j * kStreamThreads + threadIdx.x) * 4;
    weight[j] = i < d ? *reinterpret_cast<const float4*>(p.norm + i) : make_float4(0, 0, 0, 0);
  }
  wait_for_predecessors();
  if (p.u && row < p.channels)
    for (int i = threadIdx.x; i < p.batch * (p.kernel - 1) * (S::kRows / 32); i += kStreamThreads) {
      const int place = i % (S::kRows / 32), j = i / (S::kRows / 32) % (p.kernel - 1),
                t = i / (S::kRows / 32) / (p.kernel - 1);
      prefetch_l2(p.window + (static_cast<int64_t>(p.slots[t]) * (p.kernel - 1) + j) * p.channels + row + place * 32);
    }
  if constexpr (S::F::kHalvesPerGroup > 0) copy_async_wait<S::kDepth - 1>();
  normalise_rows<T>(p, weight, x, pitch, warp_sums);

  const int column = threadIdx.x % 32 / 4;
  float acc[S::kRowTiles][4];
  stream.template multiply<false>(acc, [&](int i, uint4(&v)[S::kVectors]) {
#pragma unroll
    for (int j = 0; j < S::kVectors; ++j)
      v[j] = column < p.batch ? *reinterpret_cast<const uint4*>(x + column * pitch + (i + j * 8) * 2)
                              : make_uint4(0, 0, 0, 0);
  });
  float* sums = reinterpret_cast<float*>(shared);
  stream.reduce(acc, sums);
  for (int i = threadIdx.x; i < S::kRows * p.batch; i += kStreamThreads) {
    const int r = i % S::kRows, t = i / S::kRows, output = row + r;
    if (output >= p.weight.outputs) continue;
    const float value = WeightStream<S>::result(sums, r, t) + (p.bias ? p.bias[output] : 0.0f);
    if (p.u && output < p.channels)
      convolve<T>(p, output, t, value);
    else
      p.y[static_cast<int64_t>(t) * p.weight.outputs + output] = value;
  }
}

// Rows of x in global memory, written by the kernel before.
template <class S>
struct RowsOfX {
  const void* x;  // [b, columns] 16-bit
  int64_t columns;
  int batch;
  __device__ __forceinline__ void operator()(int i, uint4 (&v)[S::kVectors]) const {
    const int column = threadIdx.x % 32 / 4;
    const uint4* from = reinterpret_cast<const uint4*>(static_cast<const char*>(x) + (column * columns + i) * 2);
#pragma unroll
    for (int j = 0; j < S::kVectors; ++j) v[j] = column < batch ? __ldcg(from + j) : make_uint4(0, 0, 0, 0);
  }
};

struct SplitProduct {
  StreamedWeight weight;  // [r + 2n, e]
  const void* x;          // [b, e]
  float* partial;         // [kStepSplits, b, r + 2n]
  int batch;
};

template <class S>
__global__ void __launch_bounds__(kStreamThreads, 2) split_product_kernel(const SplitProduct p) {
  extern __shared__ __align__(128) char shared[];
  const int row = blockIdx.x * S::kRows, length = p.weight.inputs / kStepSplits, begin = blockIdx.y * length;
  launch_dependents();
  WeightStream<S> stream(p.weight, row, begin, length, shared, shared + S::kBytes);
  wait_for_predecessors();
  if constexpr (S::F::kHalvesPerGroup > 0) {
    copy_async_wait<S::kDepth - 1>();
    __syncthreads();
  }
  float acc[S::kRowTiles][4];
  stream.template multiply<true>(acc, RowsOfX<S>{p.x, p.weight.inputs, p.batch});
  float* sums = reinterpret_cast<float*>(shared);
  stream.reduce(acc, sums);
  for (int i = threadIdx.x; i < S::kRows * p.batch; i += kStreamThreads) {
    const int r = i % S::kRows, t = i / S::kRows, output = row + r;
    if (output < p.weight.outputs)
      p.partial[(static_cast<int64_t>(blockIdx.y) * p.batch + t) * p.weight.outputs + output] =
          WeightStream<S>::result(sums, r, t);
  }
}

struct StateStep {
  StreamedWeight weight;    // dt_proj [e, r]
  const float* partial;     // [kStepSplits, b, r + 2n]
  const float* delta_bias;  // [e]
  const float* A;           // [n, e]
  const float* D;           // [e]
  const void* u;            // [b, e]
  const float* z;           // [b, e], rows z_pitch apart
  void* y;                  // [b, e]
  float* state;             // [s, n, e]
  const int32_t* slots;     // [b]
  float eps;
  int batch, z_pitch;
  bool norms;               // of dt, B and C
};

template <class S>
constexpr int state_step_bytes(int r, int batch) {
  return S::kBytes + S::scale_bytes(r) + batch * ((r + 2 * kStepStates) * 4 + r * 2 + 64 + 4 * kStepChannels * 4);
}

// [dt | B | C] of a sequence: the sum of the partial sums, normalised; dt as elements, B and C as f32 in place.
template <class T>
__device__ __forceinline__ void finish_dt_B_C(const StateStep& p, float* q, char* dt, int pitch) {
  const int r = p.weight.inputs, width = r + 2 * kStepStates;
  for (int i = threadIdx.x; i < p.batch * width; i += kStreamThreads) {
    float part[kStepSplits], sum = 0.0f;
#pragma unroll
    for (int s = 0; s < kStepSplits; ++s) part[s] = __ldcg(p.partial + static_cast<int64_t>(s) * p.batch * width + i);
#pragma unroll
    for (int s = 0; s < kStepSplits; ++s) sum += part[s];
    q[i] = sum;
  }
  __syncthreads();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (int t = warp; t < p.batch; t += 8) {
    float* row = q + t * width;
    float squares = 0.0f;
    for (int i = lane; i < r; i += 32) squares += row[i] * row[i];
    const float scale = p.norms ? rsqrtf(warp_sum(squares) / r + p.eps) : 1.0f;
    for (int i = lane; i < r; i += 32) reinterpret_cast<T*>(dt + t * pitch)[i] = round_to<T>(row[i] * scale);
    float value = row[r + lane], square = value * value;  // B in lanes 0 to 15, C in 16 to 31
#pragma unroll
    for (int other = 8; other > 0; other /= 2) square += __shfl_xor_sync(0xffffffffu, square, other);
    row[r + lane] = p.norms ? value * rsqrtf(square / kStepStates + p.eps) : value;
  }
  __syncthreads();
}

template <class S>
__global__ void __launch_bounds__(kStreamThreads, 2) state_step_kernel(const StateStep p) {
  using T = typename S::F::Element;
  static_assert(S::kRows == kStepChannels && kStepStates == 16);
  extern __shared__ __align__(128) char shared[];
  const int e = p.weight.outputs, r = p.weight.inputs, width = r + 2 * kStepStates, pitch = r * 2 + 64;
  const int first = blockIdx.x * kStepChannels;
  char *scales = shared + S::kBytes, *dt = scales + S::scale_bytes(r);
  float* q = reinterpret_cast<float*>(dt + p.batch * pitch);      // [b, r + 2n]
  float* products = q + p.batch * width;                          // [b, 4, kStepChannels]
  launch_dependents();
  WeightStream<S> stream(p.weight, first, 0, r, shared, scales);
  // Four threads share a channel's states.
  const int c = threadIdx.x % kStepChannels, part = threadIdx.x / kStepChannels, channel = first + c;
  const bool mine = channel < e;
  float A[4], h[4];
#pragma unroll
  for (int j = 0; j < 4; ++j) A[j] = mine ? p.A[static_cast<int64_t>(part * 4 + j) * e + channel] * kLog2E : 0.0f;
  const float bias = mine ? p.delta_bias[channel] : 0.0f, D = mine ? p.D[channel] : 0.0f;
  wait_for_predecessors();
  const auto state_of = [&](int t) {
    return p.state + (static_cast<int64_t>(p.slots[t]) * kStepStates + part * 4) * e + channel;
  };
  const auto load_state = [&](int t) {
#pragma unroll
    for (int j = 0; j < 4; ++j) h[j] = mine ? state_of(t)[static_cast<int64_t>(j) * e] : 0.0f;
  };
  load_state(0);
  if constexpr (S::F::kHalvesPerGroup > 0) copy_async_wait<S::kDepth - 1>();
  finish_dt_B_C<T>(p, q, dt, pitch);

  const int column = threadIdx.x % 32 / 4;
  float acc[S::kRowTiles][4];
  stream.template multiply<false>(acc, [&](int i, uint4(&v)[S::kVectors]) {
#pragma unroll
    for (int j = 0; j < S::kVectors; ++j)
      v[j] = column < p.batch ? *reinterpret_cast<const uint4*>(dt + column * pitch + (i + j * 8) * 2)
                              : make_uint4(0, 0, 0, 0);
  });
  float* sums = reinterpret_cast<float*>(shared);
  stream.reduce(acc, sums);

  for (int t = 0; t < p.batch; ++t) {
    const float u = mine ? widen(__ldcg(static_cast<const T*>(p.u) + static_cast<int64_t>(t) * e + channel)) : 0.0f;
    const float step = softplus(WeightStream<S>::result(sums, c, t) + bias);
    const float *B = q + t * width + r + part * 4, *C = B + kStepStates;
    float y = 0.0f, next[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      next[j] = exp2_approximate(step * A[j]) * h[j] + step * u * B[j];
      y += C[j] * next[j];
    }
    if (t + 1 < p.batch) load_state(t + 1);
#pragma unroll
    for (int j = 0; j < 4; ++j)
      if (mine) state_of(t)[static_cast<int64_t>(j) * e] = next[j];
    products[(t * 4 + part) * kStepChannels + c] = y;
  }
  __syncthreads();
  for (int t = part; t < p.batch && mine; t += 4) {
    const float* y = products + t * 4 * kStepChannels + c;
    const float u = widen(__ldcg(static_cast<const T*>(p.u) + static_cast<int64_t>(t) * e + channel));
    const float sum = D * u + y[0] + y[kStepChannels] + y[2 * kStepChannels] + y[3 * kStepChannels];
    const float gated = sum * silu(__ldcg(p.z + static_cast<int64_t>(t) * p.z_pitch + channel));
    static_cast<T*>(p.y)[static_cast<int64_t>(t) * e + channel] = round_to<T>(gated);
  }
}

struct AddProduct {
  StreamedWeight weight;  // [d, e]
  const float* bias;      // [d] or null
  const void* x;          // [b, e]
  float* residual;        // [b, d], +=
  int batch;
};

template <class S, int kPrefetch>
__global__ void __launch_bounds__(kStreamThreads, 2) add_product_kernel(const AddProduct p) {
  extern __shared__ __align__(128) char shared[];
  const int row = blockIdx.x * S::kRows, d = p.weight.outputs;
  launch_dependents();
  WeightStream<S> stream(p.weight, row, 0, p.weight.inputs, shared, shared + S::kBytes);
  stream.prefetch(kPrefetch);
  wait_for_predecessors();
  if constexpr (S::F::kHalvesPerGroup > 0) {
    copy_async_wait<S::kDepth - 1>();
    __syncthreads();
  }
  float acc[S::kRowTiles][4];
  stream.template multiply<true>(acc, RowsOfX<S>{p.x, p.weight.inputs, p.batch});
  float* sums = reinterpret_cast<float*>(shared);
  stream.reduce(acc, sums);
  for (int i = threadIdx.x; i < S::kRows * p.batch; i += kStreamThreads) {
    const int r = i % S::kRows, t = i / S::kRows, output = row + r;
    if (output >= d) continue;
    float* to = p.residual + static_cast<int64_t>(t) * d + output;
    *to = __ldcg(to) + (WeightStream<S>::result(sums, r, t) + (p.bias ? p.bias[output] : 0.0f));
  }
}

}  // namespace saker::cuda
