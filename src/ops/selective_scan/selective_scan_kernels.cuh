// The selective scan on a GPU: sequential over time, parallel over channels, states in registers.
//
// A block has 64 channels of a segment. Half of its threads recur: four neighbouring lanes share the 16 states of a
// channel, and make the exponentials of the next tokens while they add up those of these. The other half helps them, a
// tile of tokens ahead or behind: it brings inputs into shared memory (cp.async), where B and C serve all channels,
// makes step sizes, and adds up, gates and writes the outputs. Both meet once per tile.
//
// The limit is the unit for exponentials, 16 per clock and multiprocessor, of which a token and channel needs 16 + 4;
// scan_decay() takes some of them off it.
#pragma once

#include "device/cuda/intrinsics.cuh"
#include "ops/segment.h"

namespace saker::cuda {

inline constexpr int kScanStates = 16, kScanChannels = 64;

template <class T, class G>
struct ScanProblem {
  T* y;            // [l, e]
  float* state;    // [s, n, e]
  const T* u;      // [l, e]
  const G* delta;  // [l, e]
  const G* z;      // [l, e]
  const float* B;  // [l, n]
  const float* C;  // [l, n]
  const float* A;  // [n, e]
  const float* D;  // [e]
  const float* delta_bias;
  const Segment* segments;
  int64_t y_stride, u_stride, delta_stride, z_stride, B_stride, C_stride;
  int channels;
};

// 2^x for x <= 0, relative error 2e-7, without the unit for exponentials: x = i + f, 2^f by a minimax polynomial that
// is 1 at 0, so that a step of 0 leaves a state as it is.
__device__ __forceinline__ float exp2_polynomial(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  x = fmaxf(x, -126.0f);
  const float shifted = x + kRound, f = x - (shifted - kRound);
  float p = 1.32647272e-3f;
  p = fmaf(p, f, 9.67151269e-3f);
  p = fmaf(p, f, 5.55073374e-2f);
  p = fmaf(p, f, 2.40222421e-1f);
  p = fmaf(p, f, 6.93146978e-1f);
  p = fmaf(p, f, 1.0f);
  return __int_as_float(__float_as_int(p) + (__float_as_int(shifted) << 23));
}

// kTile tokens of 64 channels; a thread takes kGroup tokens at once. The first kRecurring threads of a block recur, the
// others help.
// exp2(power) of state `n` of a channel: of even channels every fourth state's comes from the polynomial, an eighth of
// all exponentials. Whoever advances states asks here, so that prompts and single tokens give the same bits.
__device__ __forceinline__ float scan_decay(float power, bool even_channel, int n) {
  return even_channel && n % 4 == 0 ? exp2_polynomial(power) : exp2_approximate(power);
}

template <class T, class G, int kTile_, int kGroup_>
struct ScanShape {
  using Value = T;
  using Gate = G;
  static constexpr int kTile = kTile_, kGroup = kGroup_;
  static constexpr int kLanes = 4, kStates = kScanStates / kLanes;  // threads of a channel, states of a thread
  static constexpr int kChannels = 2;                               // of a thread
  static constexpr int kRecurring = kScanChannels / kChannels * kLanes, kHelpers = 256;
  static constexpr int kThreads = kRecurring + kHelpers;
  static constexpr int kStages = 5, kStepTiles = 3, kSumTiles = 2;
  static constexpr int kValueBytes = kTile * kScanChannels * static_cast<int>(sizeof(T));
  static constexpr int kGateBytes = kTile * kScanChannels * static_cast<int>(sizeof(G));
  static constexpr int kRowBytes = kTile * kScanStates * 4;
  static constexpr int kStageBytes = kValueBytes + 2 * kGateBytes + 2 * kRowBytes;  // u, delta, z, B, C
  static constexpr int kStepBytes = kTile * kScanChannels * 8;                      // (step, step u)
  static constexpr int kSumPitch = kScanChannels + 8;                               // lanes write to different banks
  static constexpr int kSumBytes = kTile * kSumPitch * kLanes * 4;                  // sums of kStates states
  static constexpr int kBytes = kStages * kStageBytes + kStepTiles * kStepBytes + kSumTiles * kSumBytes;
};

// What a helper copies of each tile of an input [l, columns]: the same places of every tile.
template <class S, class E, int kColumns>
class TileCopy {
  static constexpr int kPerRow = kColumns * static_cast<int>(sizeof(E)) / 16, kPieces = S::kTile * kPerRow;
  static constexpr int kRows = S::kHelpers / kPerRow, kTurns = (kPieces + S::kHelpers - 1) / S::kHelpers;

 public:
  __device__ TileCopy(int helper, const E* first_row, int64_t stride)
      : helper_(helper),
        turn_stride_(stride * kRows * static_cast<int64_t>(sizeof(E))),
        tile_stride_(stride * S::kTile * static_cast<int64_t>(sizeof(E))),
        from_(reinterpret_cast<const char*>(first_row + helper / kPerRow * stride) + helper % kPerRow * 16) {}

  // The next tile, of which `count` rows exist; the others become zeros.
  __device__ __forceinline__ void copy(uint32_t to, int count) {
#pragma unroll
    for (int turn = 0; turn < kTurns; ++turn) {
      const int row = helper_ / kPerRow + turn * kRows;
      if (kPieces % S::kHelpers != 0 && row >= S::kTile) break;
      const bool valid = row < count;
      copy_async_16(to + (turn * S::kHelpers + helper_) * 16, valid ? from_ + turn * turn_stride_ : from_, valid);
    }
    from_ += tile_stride_;
  }

 private:
  int helper_;
  int64_t turn_stride_, tile_stride_;
  const char* from_;
};

template <class E>
__device__ __forceinline__ float2 two(const char* from, int place) {
  const E* at = reinterpret_cast<const E*>(from) + place;
  if constexpr (sizeof(E) == 4) {
    return *reinterpret_cast<const float2*>(at);
  } else {
    const uint32_t word = *reinterpret_cast<const uint32_t*>(at);
    return make_float2(widen(reinterpret_cast<const E*>(&word)[0]), widen(reinterpret_cast<const E*>(&word)[1]));
  }
}

// The helpers' part: inputs in, step sizes, gated outputs out.
template <class S>
class ScanHelper {
  using T = typename S::Value;
  using G = typename S::Gate;
  static constexpr int kWarps = S::kHelpers / 32, kRows = S::kTile / kWarps;  // a warp has whole rows

 public:
  __device__ ScanHelper(const ScanProblem<T, G>& p, const Segment& segment, int helper, int first, char* shared)
      : p_(p),
        copy_u_(helper, p.u + segment.begin * p.u_stride + first, p.u_stride),
        copy_delta_(helper, p.delta + segment.begin * p.delta_stride + first, p.delta_stride),
        copy_z_(helper, p.z + segment.begin * p.z_stride + first, p.z_stride),
        copy_B_(helper, p.B + segment.begin * p.B_stride, p.B_stride),
        copy_C_(helper, p.C + segment.begin * p.C_stride, p.C_stride),
        shared_(shared),
        length_(segment.length),
        row_(helper / 32),
        c_(helper % 32 * 2),
        bias_(*reinterpret_cast<const float2*>(p.delta_bias + first + c_)),
        D_(*reinterpret_cast<const float2*>(p.D + first + c_)),
        y_(p.y + (segment.begin + row_) * p.y_stride + first + c_) {}

  __device__ __forceinline__ int rows_of(int tile) const {
    return static_cast<int>(min(length_ - static_cast<int64_t>(tile) * S::kTile, static_cast<int64_t>(S::kTile)));
  }

  __device__ __forceinline__ void fetch(int tile) {
    const int count = rows_of(tile);
    if (count > 0) {
      uint32_t to = shared_address(shared_ + tile % S::kStages * S::kStageBytes);
      copy_u_.copy(to, count), to += S::kValueBytes;
      copy_delta_.copy(to, count), to += S::kGateBytes;
      copy_z_.copy(to, count), to += S::kGateBytes;
      copy_B_.copy(to, count), to += S::kRowBytes;
      copy_C_.copy(to, count);
    }
    copy_async_commit();
  }

  // (step, step u) of a tile; zeros, which leave the state as it is, behind the segment's end.
  __device__ __forceinline__ void make_steps(int tile) const {
    const int count = rows_of(tile);
    if (count <= 0) return;
    const char* from = shared_ + tile % S::kStages * S::kStageBytes;
    char* to = shared_ + S::kStages * S::kStageBytes + tile % S::kStepTiles * S::kStepBytes;
    float2 u[kRows], delta[kRows];
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int place = (i * kWarps + row_) * kScanChannels + c_;
      u[i] = two<T>(from, place), delta[i] = two<G>(from + S::kValueBytes, place);
    }
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const bool inside = i * kWarps + row_ < count;
      const float low = inside ? softplus(delta[i].x + bias_.x) : 0.0f;
      const float high = inside ? softplus(delta[i].y + bias_.y) : 0.0f;
      reinterpret_cast<float4*>(to)[((i * kWarps + row_) * kScanChannels + c_) / 2] =
          make_float4(low, low * u[i].x, high, high * u[i].y);
    }
  }

  // y of a tile from the sums of its states.
  __device__ __forceinline__ void finish(int tile) {
    const int count = rows_of(tile);
    const char* from = shared_ + tile % S::kStages * S::kStageBytes;
    const float2* sums =
        reinterpret_cast<const float2*>(shared_ + S::kStages * S::kStageBytes + S::kStepTiles * S::kStepBytes +
                                        tile % S::kSumTiles * S::kSumBytes);  // [tile, kLanes, channels / 2]
    float2 u[kRows], z[kRows], part[kRows][S::kLanes];
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int row = i * kWarps + row_, place = row * kScanChannels + c_;
      u[i] = two<T>(from, place), z[i] = two<G>(from + S::kValueBytes + S::kGateBytes, place);
#pragma unroll
      for (int k = 0; k < S::kLanes; ++k) part[i][k] = sums[((row * S::kLanes + k) * S::kSumPitch + c_) / 2];
    }
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const float low = (part[i][0].x + part[i][1].x) + (part[i][2].x + part[i][3].x);
      const float high = (part[i][0].y + part[i][1].y) + (part[i][2].y + part[i][3].y);
      const float a = fmaf(D_.x, u[i].x, low) * silu(z[i].x), b = fmaf(D_.y, u[i].y, high) * silu(z[i].y);
      T* to = y_ + i * kWarps * p_.y_stride;
      if (i * kWarps + row_ >= count) continue;
      if constexpr (sizeof(T) == 4)
        *reinterpret_cast<float2*>(to) = make_float2(a, b);
      else
        *reinterpret_cast<uint32_t*>(to) = pack(a, b, T());
    }
    y_ += S::kTile * p_.y_stride;
  }

 private:
  const ScanProblem<T, G>& p_;
  TileCopy<S, T, kScanChannels> copy_u_;
  TileCopy<S, G, kScanChannels> copy_delta_, copy_z_;
  TileCopy<S, float, kScanStates> copy_B_, copy_C_;
  char* shared_;
  int64_t length_;
  int row_, c_;
  float2 bias_, D_;
  T* y_;
};

// What a thread reads of kGroup tokens, all of it ahead of its use, and the decays made of it.
template <int kGroup>
struct ScanGroup {
  float4 step[kGroup];  // (step, step u) of both channels
  float4 B[kGroup], C[kGroup];
  float decay[kGroup][2][4];
};

template <class S>
__global__ void __launch_bounds__(S::kThreads, 1)
    selective_scan_kernel(const __grid_constant__ ScanProblem<typename S::Value, typename S::Gate> p) {
  constexpr int kTile = S::kTile, kN = S::kStates;
  static_assert(kN == 4);
  extern __shared__ __align__(128) char shared[];
  const Segment segment = p.segments[blockIdx.y];
  if (segment.length == 0) return;
  const int first = blockIdx.x * kScanChannels;
  const int tiles = static_cast<int>((segment.length + kTile - 1) / kTile);

  if (threadIdx.x >= S::kRecurring) {
    ScanHelper<S> helper(p, segment, threadIdx.x - S::kRecurring, first, shared);
    for (int tile = 0; tile < 3; ++tile) helper.fetch(tile);
    copy_async_wait<0>();
    asm volatile("bar.sync 1, %0;" ::"n"(S::kHelpers) : "memory");
    helper.make_steps(0);
    helper.make_steps(1);
    for (int tile = 0; tile <= tiles; ++tile) {
      copy_async_wait<0>();
      __syncthreads();  // tile + 2 is here, and the steps of tile + 1; the sums of tile - 1 are done
      if (tile + 3 < tiles) helper.fetch(tile + 3);
      if (tile > 0) helper.finish(tile - 1);
      helper.make_steps(tile + 2);
    }
    return;
  }

  constexpr int kGroup = S::kGroup, kC = S::kChannels;
  static_assert(kC == 2 && kTile % (2 * kGroup) == 0);
  const int part = threadIdx.x % S::kLanes, c = threadIdx.x / S::kLanes * kC, channel = first + c;
  float A[kC][kN], h[kC][kN];
  float* const state = p.state + (segment.slot * kScanStates + part * kN) * static_cast<int64_t>(p.channels) + channel;
#pragma unroll
  for (int k = 0; k < kC; ++k)
#pragma unroll
    for (int j = 0; j < kN; ++j) {
      A[k][j] = p.A[static_cast<int64_t>(part * kN + j) * p.channels + channel + k] * kLog2E;
      h[k][j] = segment.slot < 0 ? 0.0f : state[static_cast<int64_t>(j) * p.channels + k];
    }
  char* const steps = shared + S::kStages * S::kStageBytes;
  char* const sums = steps + S::kStepTiles * S::kStepBytes;
  // Inputs of the kGroup tokens from t0 of a tile, whose place in shared memory is `stage` and `made`.
  const auto load = [&](ScanGroup<kGroup>& g, int stage, int made, int t0) {
    const float4* step = reinterpret_cast<const float4*>(steps + made * S::kStepBytes) + (t0 * kScanChannels + c) / 2;
    const float4* B =
        reinterpret_cast<const float4*>(shared + stage * S::kStageBytes + S::kValueBytes + 2 * S::kGateBytes) +
        t0 * (kScanStates / 4) + part;
#pragma unroll
    for (int i = 0; i < kGroup; ++i) {
      g.step[i] = step[i * kScanChannels / 2];
      g.B[i] = B[i * (kScanStates / 4)];
      g.C[i] = B[(kTile + i) * (kScanStates / 4)];
    }
  };
  const auto make_decay = [&](ScanGroup<kGroup>& g, int i, int k, int j) {
    const float power = (k == 0 ? g.step[i].x : g.step[i].z) * A[k][j];
    g.decay[i][k][j] = scan_decay(power, k == 0, j);
  };
  // The sums of group g, and beside them the exponentials of the next.
  const auto advance = [&](const ScanGroup<kGroup>& g, ScanGroup<kGroup>& next, float* to) {
#pragma unroll
    for (int i = 0; i < kGroup; ++i) {
      const float *B = &g.B[i].x, *C = &g.C[i].x;
      float sum[kC] = {};
#pragma unroll
      for (int j = 0; j < kN; ++j)
#pragma unroll
        for (int k = 0; k < kC; ++k) {
          h[k][j] = fmaf(g.decay[i][k][j], h[k][j], (k == 0 ? g.step[i].y : g.step[i].w) * B[j]);
          make_decay(next, i, k, j);
          sum[k] = fmaf(C[j], h[k][j], sum[k]);
        }
      *reinterpret_cast<float2*>(to + i * S::kLanes * S::kSumPitch) = make_float2(sum[0], sum[1]);
    }
  };

  ScanGroup<kGroup> even, odd;
  for (int tile = 0, stage = 0, made = 0; tile < tiles; ++tile) {
    const int next_stage = stage + 1 == S::kStages ? 0 : stage + 1;
    const int next_made = made + 1 == S::kStepTiles ? 0 : made + 1;
    __syncthreads();
    if (tile == 0) {
      load(even, 0, 0, 0);
#pragma unroll
      for (int i = 0; i < kGroup * kC * kN; ++i) make_decay(even, i / (kC * kN), i / kN % kC, i % kN);
    }
    float* to = reinterpret_cast<float*>(sums + tile % S::kSumTiles * S::kSumBytes) + part * S::kSumPitch + c;
#pragma unroll 1
    for (int t0 = 0; t0 < kTile; t0 += 2 * kGroup, to += 2 * kGroup * S::kLanes * S::kSumPitch) {
      load(odd, stage, made, t0 + kGroup);
      advance(even, odd, to);
      const bool last = t0 + 2 * kGroup == kTile;
      load(even, last ? next_stage : stage, last ? next_made : made, last ? 0 : t0 + 2 * kGroup);
      advance(odd, even, to + kGroup * S::kLanes * S::kSumPitch);
    }
    stage = next_stage, made = next_made;
  }
  __syncthreads();
  if (segment.slot >= 0)
#pragma unroll
    for (int k = 0; k < kC; ++k)
#pragma unroll
      for (int j = 0; j < kN; ++j) state[static_cast<int64_t>(j) * p.channels + k] = h[k][j];
}

inline constexpr int kStepBlockChannels = 256;

// One token for each of b sequences: state traffic is all there is. A thread has 4 channels and 4 states; the 4 threads
// of the same channels add up their products through shared memory.
template <class T, class G>
__global__ void __launch_bounds__(256) selective_step_kernel(const ScanProblem<T, G> p, int count) {
  __shared__ float4 products[2][4][64];
  const int lane = threadIdx.x % 64, part = threadIdx.x / 64, channel = blockIdx.x * kStepBlockChannels + lane * 4;
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
  const int64_t pitch = p.channels / 4;
  // Empty segments have no barrier: they do not count as turns.
  for (int s = blockIdx.y, turn = 0; s < count; s += gridDim.y) {
    const Segment segment = p.segments[s];
    if (segment.length == 0) continue;
    const int64_t row = segment.begin;
    float4 h[4];
    float4* state = reinterpret_cast<float4*>(
        p.state + (segment.slot * kScanStates + part * 4) * static_cast<int64_t>(p.channels) + channel);
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
          state_value = fmaf(scan_decay(power, k % 2 == 0, j), state_value, input * B[j]);
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
    const int mine_now = blockIdx.x * kStepBlockChannels + threadIdx.x;
    if (mine_now < p.channels) {
      const float* sums = reinterpret_cast<const float*>(&products[turn][0][0]) + threadIdx.x;
      const float sum = (sums[0] + sums[256]) + (sums[512] + sums[768]);
      const float value = fmaf(p.D[mine_now], widen(p.u[row * p.u_stride + mine_now]), sum);
      p.y[row * p.y_stride + mine_now] = round_to<T>(value * silu(widen(p.z[row * p.z_stride + mine_now])));
    }
    turn ^= 1;
  }
}

}  // namespace saker::cuda
