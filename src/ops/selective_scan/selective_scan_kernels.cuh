// The selective scan on a GPU: sequential over time, parallel over channels, states in registers.
//
// kLanes neighbouring lanes share the 16 states of kChannels neighbouring channels. A block of 64 channels walks over
// its segment in tiles of tokens: inputs arrive in shared memory two tiles ahead (cp.async), where B and C serve all
// channels; step sizes are made once per tile and channel. Within a tile a thread takes kLanes tokens at a time, reads
// what they need and makes their exponentials while it still adds up the ones before; sums over n are exchanged between
// the lanes so that each of them ends up with the whole sum of one token, which it gates. One barrier per tile.
//
// The limit is the unit for exponentials: 16 + 4 of them per token and channel, 16 per clock and multiprocessor. So
// one in kPolynomialEvery of a thread's states may take its exponential from a polynomial in the multiply-add units.
#pragma once

#include "device/cuda/intrinsics.cuh"

namespace saker::cuda {

inline constexpr int kScanStates = 16, kScanChannels = 64;

struct DeviceSegment {
  int64_t begin, length, slot;
};

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

template <class T, class G, int kLanes_, int kChannels_, int kTile_, int kPolynomialEvery_>
struct ScanShape {
  using Value = T;
  using Gate = G;
  static constexpr int kLanes = kLanes_, kChannels = kChannels_, kTile = kTile_;
  static constexpr int kPolynomialEvery = kPolynomialEvery_;
  static constexpr int kThreads = kScanChannels / kChannels * kLanes;
  static constexpr int kStates = kScanStates / kLanes;  // of a thread
  static constexpr int kStages = 4, kStepTiles = 3;
  static constexpr int kValueBytes = kTile * kScanChannels * static_cast<int>(sizeof(T));
  static constexpr int kGateBytes = kTile * kScanChannels * static_cast<int>(sizeof(G));
  static constexpr int kRowBytes = kTile * kScanStates * 4;
  static constexpr int kStageBytes = kValueBytes + 2 * kGateBytes + 2 * kRowBytes;
  static constexpr int kStepBytes = kTile * kScanChannels * 8;
  static constexpr int kBytes = kStages * kStageBytes + kStepTiles * kStepBytes + 2 * kValueBytes;
};

// What a thread copies of each tile of an input [l, columns]: the same places of every tile.
template <class S, class E, int kColumns>
class TileCopy {
  static constexpr int kPerRow = kColumns * static_cast<int>(sizeof(E)) / 16, kPieces = S::kTile * kPerRow;
  static constexpr int kRows = S::kThreads / kPerRow, kTurns = (kPieces + S::kThreads - 1) / S::kThreads;

 public:
  __device__ TileCopy(const E* first_row, int64_t stride)
      : row_(threadIdx.x / kPerRow),
        turn_stride_(stride * kRows * static_cast<int64_t>(sizeof(E))),
        tile_stride_(stride * S::kTile * static_cast<int64_t>(sizeof(E))),
        from_(reinterpret_cast<const char*>(first_row + row_ * stride) + threadIdx.x % kPerRow * 16) {}

  // The next tile, of which `count` rows exist; the others become zeros.
  __device__ __forceinline__ void copy(uint32_t to, int count) {
#pragma unroll
    for (int turn = 0; turn < kTurns; ++turn) {
      const int row = row_ + turn * kRows;
      if (kPieces % S::kThreads != 0 && row >= S::kTile) break;
      const bool valid = row < count;
      copy_async_16(to + (turn * S::kThreads + threadIdx.x) * 16, valid ? from_ + turn * turn_stride_ : from_, valid);
    }
    from_ += tile_stride_;
  }

 private:
  int row_;
  int64_t turn_stride_, tile_stride_;
  const char* from_;
};

// What a thread reads of kLanes tokens, all of it ahead of its use, and the decays made of it.
template <class S>
struct ScanGroup {
  float2 step[S::kLanes][S::kChannels];  // (step, step u)
  float B[S::kLanes][S::kStates], C[S::kLanes][S::kStates], decay[S::kLanes][S::kChannels][S::kStates];
  typename S::Value u[S::kChannels];  // of the token that this lane gates
  typename S::Gate z[S::kChannels];
};

// kCount neighbours in shared memory, at once.
template <int kCount, class E>
__device__ __forceinline__ void load_neighbours(E (&to)[kCount], const E* from) {
  constexpr int kBytes = kCount * static_cast<int>(sizeof(E));
  using Word = std::conditional_t<kBytes % 16 == 0, uint4, std::conditional_t<kBytes == 8, uint2, uint32_t>>;
  if constexpr (kCount == 1 && sizeof(E) < 8) {
    to[0] = from[0];
  } else {
    Word words[kBytes / sizeof(Word)];
#pragma unroll
    for (int i = 0; i < kBytes / static_cast<int>(sizeof(Word)); ++i) words[i] = reinterpret_cast<const Word*>(from)[i];
#pragma unroll
    for (int i = 0; i < kCount; ++i) to[i] = reinterpret_cast<const E*>(words)[i];
  }
}

template <class S>
__global__ void __launch_bounds__(S::kThreads, 1)
    selective_scan_kernel(const ScanProblem<typename S::Value, typename S::Gate> p) {
  using T = typename S::Value;
  using G = typename S::Gate;
  constexpr int kTile = S::kTile, kLanes = S::kLanes, kN = S::kStates, kC = S::kChannels;
  extern __shared__ __align__(128) char shared[];
  char* const steps = shared + S::kStages * S::kStageBytes;     // kStepTiles x [tile, channels] of float2
  char* const results = steps + S::kStepTiles * S::kStepBytes;  // 2 x [tile, channels]
  const DeviceSegment segment = p.segments[blockIdx.y];
  if (segment.length == 0) return;
  const int first = blockIdx.x * kScanChannels;
  const int part = threadIdx.x % kLanes, c = threadIdx.x / kLanes * kC, channel = first + c;
  const int tiles = static_cast<int>((segment.length + kTile - 1) / kTile);
  const auto rows_of = [&](int tile) {
    return static_cast<int>(min(segment.length - static_cast<int64_t>(tile) * kTile, static_cast<int64_t>(kTile)));
  };

  TileCopy<S, T, kScanChannels> copy_u(p.u + segment.begin * p.u_stride + first, p.u_stride);
  TileCopy<S, G, kScanChannels> copy_delta(p.delta + segment.begin * p.delta_stride + first, p.delta_stride);
  TileCopy<S, G, kScanChannels> copy_z(p.z + segment.begin * p.z_stride + first, p.z_stride);
  TileCopy<S, float, kScanStates> copy_B(p.B + segment.begin * p.B_stride, p.B_stride);
  TileCopy<S, float, kScanStates> copy_C(p.C + segment.begin * p.C_stride, p.C_stride);
  const uint32_t base = shared_address(shared);
  const auto fetch = [&](int tile, int stage) {
    if (tile < tiles) {
      const int count = rows_of(tile);
      uint32_t to = base + stage * S::kStageBytes;
      copy_u.copy(to, count), to += S::kValueBytes;
      copy_delta.copy(to, count), to += S::kGateBytes;
      copy_z.copy(to, count), to += S::kGateBytes;
      copy_B.copy(to, count), to += S::kRowBytes;
      copy_C.copy(to, count);
    }
    copy_async_commit();
  };
  // (step, step u) of one token of a tile, and of the channel that this thread makes them for; zeros, which leave the
  // state as it is, behind the segment's end.
  const int own = threadIdx.x % kScanChannels, own_row = threadIdx.x / kScanChannels;
  const float own_bias = p.delta_bias[first + own];
  const auto make_step = [&](const char* inputs, char* to, int t0, int count) {
    constexpr int kTurns = kLanes * kScanChannels / S::kThreads;
#pragma unroll
    for (int turn = 0; turn < kTurns; ++turn) {
      const int t = t0 + turn * (kLanes / kTurns) + own_row, place = t * kScanChannels + own;
      const float step = softplus(widen(reinterpret_cast<const G*>(inputs + S::kValueBytes)[place]) + own_bias);
      const float kept = t < count ? step : 0.0f;
      reinterpret_cast<float2*>(to)[place] = make_float2(kept, kept * widen(reinterpret_cast<const T*>(inputs)[place]));
    }
  };
  constexpr int kStorePerRow = kScanChannels * static_cast<int>(sizeof(T)) / 16;
  T* to_y = p.y + (segment.begin + threadIdx.x / kStorePerRow) * p.y_stride + first +
            threadIdx.x % kStorePerRow * (16 / static_cast<int>(sizeof(T)));
  const auto store = [&](int tile) {
    const uint4* from = reinterpret_cast<const uint4*>(results + tile % 2 * S::kValueBytes) + threadIdx.x;
    constexpr int kRows = S::kThreads / kStorePerRow;
    const int count = rows_of(tile);
#pragma unroll
    for (int turn = 0; turn < kTile / kRows; ++turn)
      if (static_cast<int>(threadIdx.x) / kStorePerRow + turn * kRows < count)
        *reinterpret_cast<uint4*>(to_y + turn * kRows * p.y_stride) = from[turn * S::kThreads];
    to_y += kTile * p.y_stride;
  };

  fetch(0, 0);
  fetch(1, 1);
  fetch(2, 2);
  float A[kC][kN], h[kC][kN], D[kC];
  float* const state = p.state + (segment.slot * kScanStates + part * kN) * static_cast<int64_t>(p.channels) + channel;
#pragma unroll
  for (int k = 0; k < kC; ++k) {
    D[k] = p.D[channel + k];
#pragma unroll
    for (int j = 0; j < kN; ++j) {
      A[k][j] = p.A[static_cast<int64_t>(part * kN + j) * p.channels + channel + k] * kLog2E;
      h[k][j] = segment.slot < 0 ? 0.0f : state[static_cast<int64_t>(j) * p.channels + k];
    }
  }
  copy_async_wait<0>();
  __syncthreads();
  for (int tile = 0; tile < min(tiles, 2); ++tile)
    for (int t = 0; t < kTile; t += kLanes)
      make_step(shared + tile * S::kStageBytes, steps + tile * S::kStepBytes, t, rows_of(tile));
  __syncthreads();

  // Inputs of the kLanes tokens from t0 of a tile, whose place in shared memory is `stage` and `made`.
  const auto load = [&](ScanGroup<S>& g, const char* stage, const char* made, int t0) {
    const float2* step = reinterpret_cast<const float2*>(made) + t0 * kScanChannels + c;
    const float* B =
        reinterpret_cast<const float*>(stage + S::kValueBytes + 2 * S::kGateBytes) + t0 * kScanStates + part * kN;
#pragma unroll
    for (int i = 0; i < kLanes; ++i) {
      load_neighbours(g.step[i], step + i * kScanChannels);
      load_neighbours(g.B[i], B + i * kScanStates);
      load_neighbours(g.C[i], B + (kTile + i) * kScanStates);
    }
    const int place = (t0 + part) * kScanChannels + c;
    load_neighbours(g.u, reinterpret_cast<const T*>(stage) + place);
    load_neighbours(g.z, reinterpret_cast<const G*>(stage + S::kValueBytes + S::kGateBytes) + place);
  };
  const auto make_decays = [&](ScanGroup<S>& g, int i) {
#pragma unroll
    for (int k = 0; k < kC; ++k)
#pragma unroll
      for (int j = 0; j < kN; ++j) {
        const float power = g.step[i][k].x * A[k][j];
        bool polynomial = false;
        if constexpr (S::kPolynomialEvery > 0) polynomial = (k * kN + j) % S::kPolynomialEvery == 0;
        g.decay[i][k][j] = polynomial ? exp2_polynomial(power) : exp2_approximate(power);
      }
  };
  // The sums of group g, and beside them the exponentials of the next.
  const auto advance = [&](const ScanGroup<S>& g, ScanGroup<S>& next, T* y) {
    float sums[kC][kLanes];
#pragma unroll
    for (int i = 0; i < kLanes; ++i) {
#pragma unroll
      for (int k = 0; k < kC; ++k) {
        sums[k][i] = 0.0f;
#pragma unroll
        for (int j = 0; j < kN; ++j) {
          h[k][j] = fmaf(g.decay[i][k][j], h[k][j], g.step[i][k].y * g.B[i][j]);
          sums[k][i] = fmaf(g.C[i][j], h[k][j], sums[k][i]);
        }
      }
      if (i > 0) make_decays(next, i - 1);
    }
    make_decays(next, kLanes - 1);
#pragma unroll
    for (int k = 0; k < kC; ++k) {
      // Lane `part` ends up with the whole sum of token t0 + part.
#pragma unroll
      for (int width = 1; width < kLanes; width *= 2) {
        const bool high = part & width;
#pragma unroll
        for (int i = 0; i < kLanes; i += 2 * width) {
          const float keep = high ? sums[k][i + width] : sums[k][i], give = high ? sums[k][i] : sums[k][i + width];
          sums[k][i] = keep + __shfl_xor_sync(0xffffffffu, give, width);
        }
      }
      y[part * kScanChannels + c + k] = round_to<T>(fmaf(D[k], widen(g.u[k]), sums[k][0]) * silu(widen(g.z[k])));
    }
  };

  // Where tile + 1, tile + 2, ... are: rings of kStages and kStepTiles.
  const auto ring = [](int place, int size) { return place >= size ? place - size : place; };
  ScanGroup<S> even, odd;
  load(even, shared, steps, 0);
#pragma unroll
  for (int i = 0; i < kLanes; ++i) make_decays(even, i);
  for (int tile = 0, stage = 0, made = 0; tile < tiles; ++tile) {
    copy_async_wait<0>();
    __syncthreads();  // tile + 2 is here, and the steps of tile + 1; tile - 1 is done
    if (tile > 0) store(tile - 1);
    fetch(tile + 3, ring(stage + 3, S::kStages));

    const char *now = shared + stage * S::kStageBytes, *now_steps = steps + made * S::kStepBytes;
    const char* next = shared + ring(stage + 1, S::kStages) * S::kStageBytes;
    const char* next_steps = steps + ring(made + 1, S::kStepTiles) * S::kStepBytes;
    const char* later = shared + ring(stage + 2, S::kStages) * S::kStageBytes;
    char* later_steps = steps + ring(made + 2, S::kStepTiles) * S::kStepBytes;
    const int later_rows = tile + 2 < tiles ? rows_of(tile + 2) : 0;
    T* y = reinterpret_cast<T*>(results + tile % 2 * S::kValueBytes);
    // A group's exponentials, and a step of tile + 2, run beside the sums of the group before.
#pragma unroll 1
    for (int t0 = 0; t0 < kTile; t0 += 2 * kLanes) {
      load(odd, now, now_steps, t0 + kLanes);
      advance(even, odd, y + t0 * kScanChannels);
      make_step(later, later_steps, t0, later_rows);
      const bool last = t0 + 2 * kLanes == kTile;
      load(even, last ? next : now, last ? next_steps : now_steps, last ? 0 : t0 + 2 * kLanes);
      advance(odd, even, y + (t0 + kLanes) * kScanChannels);
      make_step(later, later_steps, t0 + kLanes, later_rows);
    }
    stage = ring(stage + 1, S::kStages), made = ring(made + 1, S::kStepTiles);
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
  const int64_t pitch = p.channels / 4;
  const auto state_of = [&](const DeviceSegment& segment) {
    return reinterpret_cast<float4*>(
        p.state + (segment.slot * kScanStates + part * 4) * static_cast<int64_t>(p.channels) + channel);
  };
  const auto load = [&](int s, float4(&to)[4]) {
    const DeviceSegment segment = p.segments[s];
#pragma unroll
    for (int j = 0; j < 4; ++j)
      to[j] = mine && segment.slot >= 0 ? __ldcs(state_of(segment) + j * pitch) : make_float4(0, 0, 0, 0);
  };
  float4 next[4];
  if (static_cast<int>(blockIdx.y) < count) load(blockIdx.y, next);
  for (int s = blockIdx.y, turn = 0; s < count; s += gridDim.y, turn ^= 1) {
    const DeviceSegment segment = p.segments[s];
    const int64_t row = segment.begin;
    float4 h[4], *state = state_of(segment);
#pragma unroll
    for (int j = 0; j < 4; ++j) h[j] = next[j];
    if (s + static_cast<int>(gridDim.y) < count) load(s + gridDim.y, next);
    if (segment.length == 0) continue;
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
