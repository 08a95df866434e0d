// The selective scan on a GPU: sequential over time, parallel over channels, states in registers.
//
// kThreadsPerChannel neighbouring lanes share the 16 states of kChannels neighbouring channels. A block of 64 channels
// walks over its segment in tiles of tokens: inputs arrive in shared memory two tiles ahead (cp.async), where B and C
// serve all channels; step sizes are made once per tile and channel; sums over n are exchanged between the lanes so
// that each of them ends up with whole sums of other tokens, which it gates. One barrier per tile.
//
// The limit is the unit for exponentials: 16 + 4 of them per token and channel, 16 per clock and multiprocessor. So
// one in kPolynomialEvery of a thread's states takes its exponential from a polynomial in the multiply-add units.
#pragma once

#include "device/cuda/intrinsics.cuh"

namespace saker::cuda {

inline constexpr int kScanStates = 16, kScanChannels = 64;

struct DeviceSegment {
  int64_t begin, length, slot;
};

template <class T, class G>
struct ScanProblem {
  T* y;               // [l, e]
  float* state;       // [s, n, e]
  const T* u;         // [l, e]
  const G* delta;     // [l, e]
  const G* z;         // [l, e]
  const float* B;     // [l, n]
  const float* C;     // [l, n]
  const float* A;     // [n, e]
  const float* D;     // [e]
  const float* delta_bias;
  const DeviceSegment* segments;
  int64_t y_stride, u_stride, delta_stride, z_stride, B_stride, C_stride;
  int channels;
};

// 2^x for x <= 0, relative error 2e-7, without the unit for exponentials: x = i + f, 2^f by a polynomial.
__device__ __forceinline__ float exp2_polynomial(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  x = fmaxf(x, -126.0f);
  const float shifted = x + kRound, f = x - (shifted - kRound);
  float p = 1.3333558e-3f;
  p = fmaf(p, f, 9.6181291e-3f);
  p = fmaf(p, f, 5.5504109e-2f);
  p = fmaf(p, f, 2.4022651e-1f);
  p = fmaf(p, f, 6.9314718e-1f);
  p = fmaf(p, f, 1.0f);
  return __int_as_float(__float_as_int(p) + (__float_as_int(shifted) << 23));
}

template <class T, class G, int kThreadsPerChannel_, int kChannels_, int kTile_, int kPolynomialEvery_>
struct ScanShape {
  using Value = T;
  using Gate = G;
  static constexpr int kThreadsPerChannel = kThreadsPerChannel_, kChannels = kChannels_, kTile = kTile_;
  static constexpr int kPolynomialEvery = kPolynomialEvery_;
  static constexpr int kThreads = kScanChannels / kChannels * kThreadsPerChannel;
  static constexpr int kStates = kScanStates / kThreadsPerChannel;  // of a thread and channel
  static constexpr int kStages = 4;
  static constexpr int kValueBytes = kTile * kScanChannels * static_cast<int>(sizeof(T));
  static constexpr int kGateBytes = kTile * kScanChannels * static_cast<int>(sizeof(G));
  static constexpr int kRowBytes = kTile * kScanStates * 4;
  static constexpr int kStageBytes = kValueBytes + 2 * kGateBytes + 2 * kRowBytes;
  static constexpr int kStepBytes = kTile * kScanChannels * 8;
  static constexpr int kBytes = kStages * kStageBytes + 2 * kStepBytes;
};

// Rows [0, count) of a tile, `kColumns` wide, into shared memory; rows beyond are zeros.
template <class S, class E, int kColumns>
__device__ __forceinline__ void copy_rows(char* shared, const E* from, int64_t stride, int count) {
  constexpr int kPerRow = kColumns * static_cast<int>(sizeof(E)) / 16, kCopies = S::kTile * kPerRow;
#pragma unroll
  for (int i = threadIdx.x; i < kCopies; i += S::kThreads) {
    const int row = i / kPerRow, piece = i % kPerRow;
    copy_async_16(shared_address(shared) + i * 16,
                  from + (row < count ? row * stride + piece * (16 / static_cast<int>(sizeof(E))) : 0), row < count);
  }
}

template <class S>
__global__ void __launch_bounds__(S::kThreads) selective_scan_kernel(
    const ScanProblem<typename S::Value, typename S::Gate> p) {
  using T = typename S::Value;
  using G = typename S::Gate;
  constexpr int kTile = S::kTile, kGroup = S::kThreadsPerChannel, kC = S::kChannels, kN = S::kStates;
  extern __shared__ __align__(128) char shared[];
  float2* const steps = reinterpret_cast<float2*>(shared + S::kStages * S::kStageBytes);  // 2 x [tile, channels]
  const DeviceSegment segment = p.segments[blockIdx.y];
  if (segment.length == 0) return;
  const int first = blockIdx.x * kScanChannels;
  const int part = threadIdx.x % kGroup, c = threadIdx.x / kGroup * kC;  // states [part kN, ...) of channels [c, c + kC)
  const int tiles = static_cast<int>((segment.length + kTile - 1) / kTile);

  const auto stage = [&](int tile) { return shared + tile % S::kStages * S::kStageBytes; };
  const auto rows_of = [&](int tile) {
    return static_cast<int>(min(segment.length - static_cast<int64_t>(tile) * kTile, static_cast<int64_t>(kTile)));
  };
  const auto fetch = [&](int tile) {
    if (tile < tiles) {
      const int64_t row = segment.begin + static_cast<int64_t>(tile) * kTile;
      const int count = rows_of(tile);
      char* to = stage(tile);
      copy_rows<S, T, kScanChannels>(to, p.u + row * p.u_stride + first, p.u_stride, count);
      copy_rows<S, G, kScanChannels>(to + S::kValueBytes, p.delta + row * p.delta_stride + first, p.delta_stride, count);
      copy_rows<S, G, kScanChannels>(to + S::kValueBytes + S::kGateBytes, p.z + row * p.z_stride + first, p.z_stride,
                                     count);
      copy_rows<S, float, kScanStates>(to + S::kValueBytes + 2 * S::kGateBytes, p.B + row * p.B_stride, p.B_stride,
                                       count);
      copy_rows<S, float, kScanStates>(to + S::kValueBytes + 2 * S::kGateBytes + S::kRowBytes, p.C + row * p.C_stride,
                                       p.C_stride, count);
    }
    copy_async_commit();
  };
  // (step, step u) of a tile; zeros, which leave the state as it is, behind the segment's end.
  const int own = threadIdx.x % kScanChannels;
  const float own_bias = p.delta_bias[first + own];
  const auto make_steps = [&](int tile) {
    const char* from = stage(tile);
    const T* u = reinterpret_cast<const T*>(from);
    const G* delta = reinterpret_cast<const G*>(from + S::kValueBytes);
    float2* to = steps + tile % 2 * kTile * kScanChannels;
    const int count = rows_of(tile);
#pragma unroll 4
    for (int t = threadIdx.x / kScanChannels; t < kTile; t += S::kThreads / kScanChannels) {
      const float step = t < count ? softplus(widen(delta[t * kScanChannels + own]) + own_bias) : 0.0f;
      to[t * kScanChannels + own] = make_float2(step, step * widen(u[t * kScanChannels + own]));
    }
  };
  const auto store = [&](int tile) {
    const uint4* from = reinterpret_cast<const uint4*>(stage(tile));
    constexpr int kPerRow = kScanChannels * static_cast<int>(sizeof(T)) / 16;
    T* to = p.y + (segment.begin + static_cast<int64_t>(tile) * kTile) * p.y_stride + first;
    const int count = rows_of(tile);
#pragma unroll
    for (int i = threadIdx.x; i < kTile * kPerRow; i += S::kThreads) {
      const int row = i / kPerRow, piece = i % kPerRow;
      if (row < count)
        *reinterpret_cast<uint4*>(to + row * p.y_stride + piece * (16 / static_cast<int>(sizeof(T)))) = from[i];
    }
  };

  fetch(0);
  fetch(1);
  float A[kC][kN], h[kC][kN], D[kC];
  float* const state = p.state + (segment.slot * kScanStates + part * kN) * static_cast<int64_t>(p.channels) + first + c;
#pragma unroll
  for (int k = 0; k < kC; ++k) {
    D[k] = p.D[first + c + k];
#pragma unroll
    for (int j = 0; j < kN; ++j) {
      const int64_t place = static_cast<int64_t>(j) * p.channels + k;
      A[k][j] = p.A[static_cast<int64_t>(part) * kN * p.channels + first + c + place] * kLog2E;
      h[k][j] = segment.slot < 0 ? 0.0f : state[place];
    }
  }
  copy_async_wait<1>();
  __syncthreads();
  make_steps(0);

  for (int tile = 0; tile < tiles; ++tile) {
    copy_async_wait<0>();
    __syncthreads();  // tile + 1 is here, the steps of this one too; tile - 1 is done
    if (tile > 0) store(tile - 1);
    fetch(tile + 2);
    if (tile + 1 < tiles) make_steps(tile + 1);

    char* const from = stage(tile);
    T* const u = reinterpret_cast<T*>(from);  // and y
    const G* z = reinterpret_cast<const G*>(from + S::kValueBytes + S::kGateBytes);
    const float* B = reinterpret_cast<const float*>(from + S::kValueBytes + 2 * S::kGateBytes) + part * kN;
    const float* C = B + kTile * kScanStates;
    const float2* step = steps + tile % 2 * kTile * kScanChannels + c;
#pragma unroll 1
    for (int t0 = 0; t0 < kTile; t0 += kGroup) {
      float sums[kC][kGroup];
#pragma unroll
      for (int i = 0; i < kGroup; ++i) {
        const int t = t0 + i;
        float b[kN], cc[kN];
#pragma unroll
        for (int j = 0; j < kN; j += 4) {
          *reinterpret_cast<float4*>(b + j) = *reinterpret_cast<const float4*>(B + t * kScanStates + j);
          *reinterpret_cast<float4*>(cc + j) = *reinterpret_cast<const float4*>(C + t * kScanStates + j);
        }
        float2 s[kC];
        if constexpr (kC == 2)
          *reinterpret_cast<float4*>(s) = *reinterpret_cast<const float4*>(step + t * kScanChannels);
        else
          s[0] = step[t * kScanChannels];
#pragma unroll
        for (int k = 0; k < kC; ++k) {
          float sum = 0.0f;
#pragma unroll
          for (int j = 0; j < kN; ++j) {
            const bool polynomial = S::kPolynomialEvery > 0 && (k * kN + j) % S::kPolynomialEvery == 0;
            const float power = s[k].x * A[k][j];
            const float decay = polynomial ? exp2_polynomial(power) : exp2_approximate(power);
            h[k][j] = fmaf(decay, h[k][j], s[k].y * b[j]);
            sum = fmaf(cc[j], h[k][j], sum);
          }
          sums[k][i] = sum;
        }
      }
      // Lane `part` ends up with the whole sum of token t0 + part.
#pragma unroll
      for (int k = 0; k < kC; ++k) {
#pragma unroll
        for (int width = 1; width < kGroup; width *= 2) {
          const bool odd = part & width;
#pragma unroll
          for (int i = 0; i < kGroup; i += 2 * width) {
            const float keep = odd ? sums[k][i + width] : sums[k][i], give = odd ? sums[k][i] : sums[k][i + width];
            sums[k][i] = keep + __shfl_xor_sync(0xffffffffu, give, width);
          }
        }
      }
      const int place = (t0 + part) * kScanChannels + c;
#pragma unroll
      for (int k = 0; k < kC; ++k) {
        const float y = fmaf(D[k], widen(u[place + k]), sums[k][0]);
        u[place + k] = round_to<T>(y * silu(widen(z[place + k])));
      }
    }
  }
  __syncthreads();
  store(tiles - 1);
  if (segment.slot >= 0)
#pragma unroll
    for (int k = 0; k < kC; ++k)
#pragma unroll
      for (int j = 0; j < kN; ++j) state[static_cast<int64_t>(j) * p.channels + k] = h[k][j];
}

// One token for each of b sequences: state traffic is all there is. A thread has 4 channels and 4 states; the 4 threads
// of the same channels add up their products through shared memory.
template <class T, class G>
__global__ void __launch_bounds__(256) selective_step_kernel(const ScanProblem<T, G> p, int count) {
  constexpr int kBlockChannels = 256;
  __shared__ float4 products[2][4][64];
  const int lane = threadIdx.x % 64, part = threadIdx.x / 64, channel = blockIdx.x * kBlockChannels + lane * 4;
  const bool mine = channel < p.channels;
  float4 A[4];
#pragma unroll
  for (int j = 0; j < 4; ++j)
    A[j] = mine ? *reinterpret_cast<const float4*>(p.A + static_cast<int64_t>(part * 4 + j) * p.channels + channel)
                : make_float4(0, 0, 0, 0);
  const auto four = [](const auto* from, float(&to)[4]) {
#pragma unroll
    for (int k = 0; k < 4; ++k) to[k] = widen(from[k]);
  };
  for (int s = blockIdx.y, turn = 0; s < count; s += gridDim.y, turn ^= 1) {
    const DeviceSegment segment = p.segments[s];
    if (segment.length == 0) continue;
    const int64_t row = segment.begin;
    float4 h[4];
    float4* state = reinterpret_cast<float4*>(
        p.state + (segment.slot * kScanStates + part * 4) * static_cast<int64_t>(p.channels) + channel);
    const int64_t pitch = p.channels / 4;
#pragma unroll
    for (int j = 0; j < 4; ++j) h[j] = mine && segment.slot >= 0 ? __ldcs(state + j * pitch) : make_float4(0, 0, 0, 0);
    float delta[4], u[4], bias[4], y[4] = {}, B[4], C[4];
    if (mine) {
      four(p.delta + row * p.delta_stride + channel, delta);
      four(p.u + row * p.u_stride + channel, u);
      four(p.delta_bias + channel, bias);
    }
    four(p.B + row * p.B_stride + part * 4, B);
    four(p.C + row * p.C_stride + part * 4, C);
    if (mine) {
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const float step = softplus(delta[k] + bias[k]), input = step * u[k];
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          float& state_value = reinterpret_cast<float(&)[4]>(h[j])[k];
          const float power = step * (reinterpret_cast<const float(&)[4]>(A[j])[k] * kLog2E);
          state_value = fmaf(exp2_approximate(power), state_value, input * B[j]);
          y[k] = fmaf(C[j], state_value, y[k]);
        }
      }
      if (segment.slot >= 0)
#pragma unroll
        for (int j = 0; j < 4; ++j) __stcs(state + j * pitch, h[j]);
    }
    products[turn][part][lane] = make_float4(y[0], y[1], y[2], y[3]);
    __syncthreads();
    // Each of the four gates one channel of the 4: neighbouring threads neighbouring channels.
    const int mine_now = blockIdx.x * kBlockChannels + threadIdx.x;
    if (mine_now < p.channels) {
      const float* sums = reinterpret_cast<const float*>(&products[turn][0][0]) + threadIdx.x;
      const float sum = (sums[0] + sums[256]) + (sums[512] + sums[768]);
      const float value = fmaf(p.D[mine_now], widen(p.u[row * p.u_stride + mine_now]), sum);
      p.y[row * p.y_stride + mine_now] = round_to<T>(value * silu(widen(p.z[row * p.z_stride + mine_now])));
    }
  }
}

}  // namespace saker::cuda
