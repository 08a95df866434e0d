// The four kernels of a decode step of one layer, for 1 to 8 sequences. Weights stream (ops/linear/weight_stream.cuh);
// everything else is computed where its inputs are made:
//
//   1. norm + in_proj (+ convolution window and SiLU)     residual -> u, z
//   2. x_proj, i split over blocks                        u -> partial sums of [dt | B | C]
//   3. sum, norms, dt_proj, step size, state, gate        -> y
//   4. out_proj (ops/linear/rows_product.cuh)              residual += y
//
// 1 also serves as final norm and head. All sums have one order, and no sequence sees another: a sequence's bits do
// not depend on its neighbours or on their number.
#pragma once

#include "ops/linear/rows_product.cuh"
#include "ops/selective_scan/selective_scan_kernels.cuh"

namespace saker::cuda {

inline constexpr int kStepStates = 16;      // n
inline constexpr int kStepSplits = 8;       // blocks that share x_proj's sum over i
inline constexpr int kStepMaxModel = 4096;  // d
inline constexpr int kStepChannels = 64;    // of a block of kernel 3

struct NormProduct {
  StreamedWeight weight;  // [o, d]
  const float* bias;      // [o] or null
  const float* residual;  // [b, d]
  const float* norm;      // [d]
  float eps;
  int batch;
  float* y;  // [b, o]; with a convolution [b, o - e]: z, the outputs behind its channels
  // The convolution of outputs [0, e); null: none.
  void* u;                  // [b, e] of the weights' type
  float* window;            // [s, k - 1, e]
  const Segment* segments;  // [b], of one token each
  const float* taps;        // [k, e]
  const float* conv_bias;   // [e] or null
  int channels, kernel;
};

template <class S>
constexpr int norm_product_bytes(int d, int batch) {
  return S::kBytes + S::F::Rows::bytes(d, batch) + S::scale_bytes(d) + 2 * 8 * 4 + (batch * 7 + 9) * S::kRows * 4;
}

// x = norm(residual) as elements; store(t, i, four) takes four of them, from i on.
template <class T, class Store>
__device__ __forceinline__ void normalise_rows(const NormProduct& p, const float4 (&weight)[4], const Store& store,
                                               float* warp_sums) {
  const int d = p.weight.inputs;
  constexpr int kAhead = 2;  // rows on their way while one is normalised
  float4 v[4], next[kAhead][4];
  const auto load = [&](int t, float4(&to)[4]) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int i = (j * kStreamThreads + threadIdx.x) * 4;
      to[j] = i < d && t < p.batch
                  ? __ldcg(reinterpret_cast<const float4*>(p.residual + static_cast<int64_t>(t) * d + i))
                  : make_float4(0, 0, 0, 0);
    }
  };
#pragma unroll
  for (int t = 0; t < kAhead; ++t) load(t, next[t]);
  for (int t = 0; t < p.batch; ++t) {
    float squares = 0.0f;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      v[j] = next[0][j];
      squares += v[j].x * v[j].x + v[j].y * v[j].y + v[j].z * v[j].z + v[j].w * v[j].w;
#pragma unroll
      for (int ahead = 0; ahead + 1 < kAhead; ++ahead) next[ahead][j] = next[ahead + 1][j];
    }
    load(t + kAhead, next[kAhead - 1]);
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
      store(t, i,
            uint2{pack(weight[j].x * (v[j].x * scale), weight[j].y * (v[j].y * scale), T()),
                  pack(weight[j].z * (v[j].z * scale), weight[j].w * (v[j].w * scale), T())});
    }
  }
  __syncthreads();
}

// The inputs of the convolution of a block's channels in shared memory: rows of kRows floats, first the taps, then the
// windows, sequence by sequence. They arrive with the next copies of the queue.
template <int kRows>
__device__ __forceinline__ void fetch_rows(float* to, const float* from, int64_t pitch, int count) {
  constexpr int kPieces = kRows / 4;
  for (int i = threadIdx.x; i < count * kPieces; i += kStreamThreads)
    copy_async_16(shared_address(to) + i * 16, from + i / kPieces * pitch + i % kPieces * 4);
}

// u = silu(conv(x)) of one channel and sequence; the window moves on by x.
template <class T, int kRows>
__device__ __forceinline__ void convolve(const NormProduct& p, const float* taps, int row, int r, int t, float x) {
  const int64_t e = p.channels;
  const int k = p.kernel, channel = row + r;
  const float* old = taps + (k + t * (k - 1)) * kRows + r;
  float* window = p.window + p.segments[t].slot * (k - 1) * e + channel;
  float c = p.conv_bias ? p.conv_bias[channel] : 0.0f;
  for (int j = 0; j + 1 < k; ++j) {
    c = fmaf(taps[j * kRows + r], old[j * kRows], c);
    window[j * e] = j + 2 < k ? old[(j + 1) * kRows] : x;
  }
  c = fmaf(taps[(k - 1) * kRows + r], x, c);
  static_cast<T*>(p.u)[t * e + channel] = round_to<T>(silu(c));
}

template <class S>
__global__ void __launch_bounds__(kStreamThreads, 1) norm_product_kernel(const NormProduct p) {
  using T = typename S::F::Element;
  extern __shared__ __align__(128) char shared[];
  const int d = p.weight.inputs, row = blockIdx.x * S::kRows;
  const typename S::F::Rows x(shared + S::kBytes, d, p.batch);
  char* scales = shared + S::kBytes + S::F::Rows::bytes(d, p.batch);
  float* warp_sums = reinterpret_cast<float*>(scales + S::scale_bytes(d));
  float* taps = warp_sums + 2 * 8;
  launch_dependents();
  WeightStream<S> stream(p.weight, row, 0, d, shared, scales);
  const bool convolved = p.u && row < p.channels;
  const int skipped = p.u ? p.channels : 0;  // outputs that are not in y
  if (convolved) fetch_rows<S::kRows>(taps, p.taps + row, p.channels, p.kernel);
  float4 weight[4];
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const int i = (j * kStreamThreads + threadIdx.x) * 4;
    weight[j] = i < d ? *reinterpret_cast<const float4*>(p.norm + i) : make_float4(0, 0, 0, 0);
  }
  // A thread's results are all of one output.
  static_assert(kStreamThreads % S::kRows == 0);
  const float scale = output_scale<typename S::F>(p.weight, row + threadIdx.x % S::kRows);
  wait_for_predecessors();
  for (int t = 0; t < p.batch && convolved; ++t)
    fetch_rows<S::kRows>(taps + (p.kernel + t * (p.kernel - 1)) * S::kRows,
                         p.window + p.segments[t].slot * (p.kernel - 1) * static_cast<int64_t>(p.channels) + row,
                         p.channels, p.kernel - 1);
  if constexpr (S::F::kHalvesPerGroup > 0) copy_async_wait<S::kDepth - 1>();
  normalise_rows<T>(
      p, weight, [&](int t, int i, const uint2& four) { x.store(t, i, four); }, warp_sums);

  float acc[S::kRowTiles][4];
  stream.multiply(acc, x, p.batch);
  float* sums = reinterpret_cast<float*>(shared);
  stream.reduce(acc, sums);
  for (int i = threadIdx.x; i < S::kRows * p.batch; i += kStreamThreads) {
    const int r = i % S::kRows, t = i / S::kRows, output = row + r;
    if (output >= p.weight.outputs) continue;
    const float value = WeightStream<S>::result(sums, r, t) * scale + (p.bias ? p.bias[output] : 0.0f);
    if (convolved)
      convolve<T, S::kRows>(p, taps, row, r, t, value);
    else
      p.y[static_cast<int64_t>(t) * (p.weight.outputs - skipped) + output - skipped] = value;
  }
}

struct SplitProduct {
  StreamedWeight weight;  // [r + 2n, e]
  const void* x;          // [b, e]
  float* partial;         // [kStepSplits, b, r + 2n]
  int batch;
};

template <class S>
constexpr int split_product_bytes(int e, int batch) {
  return S::kBytes + S::F::Rows::bytes(e / kStepSplits, batch) + S::scale_bytes(e / kStepSplits);
}

template <class S>
__global__ void __launch_bounds__(kStreamThreads, 2) split_product_kernel(const SplitProduct p) {
  static_assert(!std::is_same_v<typename S::F, Fp8>);
  extern __shared__ __align__(128) char shared[];
  const int row = blockIdx.x * S::kRows, length = p.weight.inputs / kStepSplits, begin = blockIdx.y * length;
  launch_dependents();
  const typename S::F::Rows x(shared + S::kBytes, length, p.batch);
  WeightStream<S> stream(p.weight, row, begin, length, shared, shared + S::kBytes + S::F::Rows::bytes(length, p.batch));
  wait_for_predecessors();
  stream.fetch(x, p.x, p.weight.inputs, p.batch);
  float acc[S::kRowTiles][4];
  stream.multiply(acc, x, p.batch);
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
  const Segment* segments;  // [b], of one token each
  float eps;
  int batch, z_pitch;
  bool norms;  // of dt, B and C
};

template <class S>
constexpr int state_step_bytes(int r, int batch) {
  return S::kBytes + S::F::Rows::bytes(r, batch) + S::scale_bytes(r) +
         batch * ((r + 2 * kStepStates) * 4 + (4 + kStepStates + 2) * kStepChannels * 4);
}

// [dt | B | C] of a sequence: the sum of the partial sums, normalised; dt as elements, B and C as f32 in place.
template <class T, class Rows>
__device__ __forceinline__ void finish_dt_B_C(const StateStep& p, float* q, const Rows& dt) {
  const int r = p.weight.inputs, width = r + 2 * kStepStates;
  const int64_t total = static_cast<int64_t>(p.batch) * width;
  for (int i = threadIdx.x * 4; i < total; i += kStreamThreads * 4) {
    float4 part[kStepSplits], sum = make_float4(0, 0, 0, 0);
#pragma unroll
    for (int s = 0; s < kStepSplits; ++s) part[s] = __ldcg(reinterpret_cast<const float4*>(p.partial + s * total + i));
#pragma unroll
    for (int s = 0; s < kStepSplits; ++s)
      sum.x += part[s].x, sum.y += part[s].y, sum.z += part[s].z, sum.w += part[s].w;
    *reinterpret_cast<float4*>(q + i) = sum;
  }
  __syncthreads();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (int t = warp; t < p.batch; t += 8) {
    float* row = q + t * width;
    float squares = 0.0f;
    for (int i = lane * 4; i < r; i += kGroup) {
      const float4 v = *reinterpret_cast<const float4*>(row + i);
      squares += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
    }
    const float scale = p.norms ? rsqrtf(warp_sum(squares) / r + p.eps) : 1.0f;
    for (int i = lane * 4; i < r; i += kGroup) {
      const float4 v = *reinterpret_cast<const float4*>(row + i);
      dt.store(t, i, {pack(v.x * scale, v.y * scale, T()), pack(v.z * scale, v.w * scale, T())});
    }
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
  static_assert(S::kRows == kStepChannels && kStepStates == 16 && !std::is_same_v<typename S::F, Fp8>);
  extern __shared__ __align__(128) char shared[];
  const int e = p.weight.outputs, r = p.weight.inputs, width = r + 2 * kStepStates;
  const int first = blockIdx.x * kStepChannels;
  const typename S::F::Rows dt(shared + S::kBytes, r, p.batch);
  char* scales = shared + S::kBytes + S::F::Rows::bytes(r, p.batch);
  float* q = reinterpret_cast<float*>(scales + S::scale_bytes(r));  // [b, r + 2n]
  float* products = q + p.batch * width;                            // [b, 4, kStepChannels]
  float* states = products + p.batch * 4 * kStepChannels;           // [b, n, kStepChannels]
  float* z = states + p.batch * kStepStates * kStepChannels;        // [b, kStepChannels]
  T* u = reinterpret_cast<T*>(z + p.batch * kStepChannels);         // [b, kStepChannels]
  launch_dependents();
  WeightStream<S> stream(p.weight, first, 0, r, shared, scales);
  // Four threads share a channel's states.
  const int c = threadIdx.x % kStepChannels, part = threadIdx.x / kStepChannels, channel = first + c;
  float A[4];
#pragma unroll
  for (int j = 0; j < 4; ++j) A[j] = p.A[static_cast<int64_t>(part * 4 + j) * e + channel] * kLog2E;
  const float bias = p.delta_bias[channel], D = p.D[channel];
  wait_for_predecessors();
  // All that the end needs arrives with the next copies of the queue.
  for (int t = 0; t < p.batch; ++t) {
    const int n = threadIdx.x / 16, piece = threadIdx.x % 16;
    copy_async_16(shared_address(states) + (t * kStreamThreads + threadIdx.x) * 16,
                  p.state + (p.segments[t].slot * kStepStates + n) * e + first + piece * 4);
    if (n == 0)
      copy_async_16(shared_address(z + t * kStepChannels) + piece * 16,
                    p.z + static_cast<int64_t>(t) * p.z_pitch + first + piece * 4);
    else if (n == 1 && piece < 8)
      copy_async_16(shared_address(u + t * kStepChannels) + piece * 16,
                    static_cast<const T*>(p.u) + static_cast<int64_t>(t) * e + first + piece * 8);
  }
  if constexpr (S::F::kHalvesPerGroup > 0) copy_async_wait<S::kDepth - 1>();  // scales, before the barriers below
  finish_dt_B_C<T>(p, q, dt);

  float acc[S::kRowTiles][4];
  stream.multiply(acc, dt, p.batch);
  float* sums = reinterpret_cast<float*>(shared);
  stream.reduce(acc, sums);

#pragma unroll 2
  for (int t = 0; t < p.batch; ++t) {
    const float step = softplus(WeightStream<S>::result(sums, c, t) + bias);
    const float input = step * widen(u[t * kStepChannels + c]);
    const float *B = q + t * width + r + part * 4, *C = B + kStepStates;
    const float* h = states + (t * kStepStates + part * 4) * kStepChannels + c;
    float* state = p.state + (p.segments[t].slot * kStepStates + part * 4) * e + channel;
    float y = 0.0f;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const float decay = scan_decay(step * A[j], channel % 2 == 0, j);
      const float next = fmaf(decay, h[j * kStepChannels], input * B[j]);
      y = fmaf(C[j], next, y);
      state[static_cast<int64_t>(j) * e] = next;
    }
    products[(t * 4 + part) * kStepChannels + c] = y;
  }
  __syncthreads();
  for (int t = part; t < p.batch; t += 4) {
    const float* y = products + t * 4 * kStepChannels + c;
    const float sum = (y[0] + y[kStepChannels]) + (y[2 * kStepChannels] + y[3 * kStepChannels]);
    const float gated = fmaf(D, widen(u[t * kStepChannels + c]), sum) * silu(z[t * kStepChannels + c]);
    static_cast<T*>(p.y)[static_cast<int64_t>(t) * e + channel] = round_to<T>(gated);
  }
}

}  // namespace saker::cuda
