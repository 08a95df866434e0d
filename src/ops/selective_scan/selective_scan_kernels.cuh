// The selective scan on a GPU: sequential over time, parallel over channels, states in registers.
//
// A block has 64 channels of a segment. A third of its threads recur: four lanes share the 16 states of two channels,
// and make the exponentials of later tokens while they add up those of these. The others help them, a tile of tokens
// ahead or behind: they bring inputs into shared memory (cp.async), where B and C serve all channels, make step sizes,
// and add up, gate and write the outputs. A recurring warp waits for the helpers alone, not for the other three.
//
// The limits are the unit for exponentials, 16 per clock and multiprocessor, of which a token and channel needs 16 + 4
// (scan_decay() takes some of them off it), and the issue of instructions, with one recurring warp on a scheduler.
#pragma once

#include "device/cuda/intrinsics.cuh"
#include "ops/gpu_scratch.h"
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
  // Of kernels that keep states:
  float* chunk_states = nullptr;   // [chunks, n, e]
  const int32_t* order = nullptr;  // scan_order.cuh; or null
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

// exp2(power) of state `n` of a channel: of even channels every fourth state's comes from the polynomial, an eighth of
// all exponentials. Whoever advances states asks here, so that prompts and single tokens give the same bits.
__device__ __forceinline__ float scan_decay(float power, bool even_channel, int n) {
  return even_channel && n % 4 == 0 ? exp2_polynomial(power) : exp2_approximate(power);
}

// softplus(v) with a relative error below 1e-6, of the backward pass and of states that are kept for it; p = exp(v),
// `logarithm` that of 1 + p by the hardware, wanted from kScanSeriesEnd on. softplus() has up to 8e-6, where it takes
// the hardware's logarithm near 1; a gradient that travels over many tokens would add them up.
inline constexpr float kScanSeriesEnd = 0.35f;
__device__ __forceinline__ float scan_step(float v, float p, float logarithm) {
  float series = 5.56807767e-2f;  // log(1 + p) / p by a minimax polynomial
  series = fmaf(series, p, -1.33328251e-1f);
  series = fmaf(series, p, 1.93030445e-1f);
  series = fmaf(series, p, -2.49230037e-1f);
  series = fmaf(series, p, 3.33293343e-1f);
  series = fmaf(series, p, -4.99999299e-1f);
  series = p * fmaf(series, p, 1.0f);
  return v > 20.0f ? v : (p < kScanSeriesEnd ? series : logarithm);
}
__device__ __forceinline__ float scan_step(float v) {
  const float p = exp2_approximate(kLog2E * v);
  return scan_step(v, p, p < kScanSeriesEnd ? 0.0f : kLn2 * log2_approximate(1.0f + p));
}

// kTile tokens of 64 channels. The first kRecurring threads of a block recur, the others help. kKeeps: the states
// before chunks are kept, and are those that the backward pass would make.
template <class T, class G, int kTile_, bool kKeeps_ = false>
struct ScanShape {
  using Value = T;
  using Gate = G;
  static constexpr int kTile = kTile_;
  static constexpr bool kKeeps = kKeeps_;
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
  static constexpr int kSumPitch = kScanChannels + 16;                              // lanes write to different banks
  static constexpr int kSumBytes = kTile * kSumPitch * kLanes * 4;                  // sums of kStates states
  static constexpr int kBytes = kStages * kStageBytes + kStepTiles * kStepBytes + kSumTiles * kSumBytes;
};

// What one of kThreads threads copies of each tile of an input [l, columns]: the same places of every tile.
template <class S, class E, int kColumns, int kThreads = S::kHelpers>
class TileCopy {
  static constexpr int kPerRow = kColumns * static_cast<int>(sizeof(E)) / 16, kPieces = S::kTile * kPerRow;
  static constexpr int kRows = kThreads / kPerRow, kTurns = (kPieces + kThreads - 1) / kThreads;

 public:
  __device__ TileCopy(int thread, const E* first_row, int64_t stride)
      : thread_(thread),
        turn_stride_(stride * kRows * static_cast<int64_t>(sizeof(E))),
        tile_stride_(stride * S::kTile * static_cast<int64_t>(sizeof(E))),
        from_(reinterpret_cast<const char*>(first_row + thread / kPerRow * stride) + thread % kPerRow * 16) {}

  // The next tile, of which `count` rows exist; the others become zeros.
  __device__ __forceinline__ void copy(uint32_t to, int count) {
#pragma unroll
    for (int turn = 0; turn < kTurns; ++turn) {
      const int row = thread_ / kPerRow + turn * kRows;
      if (kPieces % kThreads != 0 && row >= S::kTile) break;
      const bool valid = row < count;
      copy_async_16(to + (turn * kThreads + thread_) * 16, valid ? from_ + turn * turn_stride_ : from_, valid);
    }
    from_ += tile_stride_;
  }

 private:
  int thread_;
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
    if constexpr (std::is_same_v<E, __nv_bfloat16>)  // an instruction each, instead of three for both
      return make_float2(__uint_as_float(word << 16), __uint_as_float(word & 0xffff0000u));
    return make_float2(widen(reinterpret_cast<const E*>(&word)[0]), widen(reinterpret_cast<const E*>(&word)[1]));
  }
}

// Named barriers of a block; the first, 0, is __syncthreads'.
// kSumsMade and kReady have two each, for even and odd tiles: a recurring warp may be a tile ahead of another. kReady
// is of each recurring warp by itself.
enum ScanBarrier { kHelpersMeet = 1, kSumsMade = 2, kReady = 4 };
__device__ __forceinline__ void barrier_wait(int barrier, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}
__device__ __forceinline__ void barrier_arrive(int barrier, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

// The helpers' part: inputs in, step sizes, gated outputs out.
template <class S>
class ScanHelper {
  using T = typename S::Value;
  using G = typename S::Gate;
  static constexpr int kWarps = S::kHelpers / 32, kRows = S::kTile / kWarps;  // a warp has whole rows
  static constexpr int kHalf = S::kHelpers / 2;

 public:
  __device__ ScanHelper(const ScanProblem<T, G>& p, const Segment& segment, int helper, int first, char* shared)
      : p_(p),
        copy_u_(helper, p.u + segment.begin * p.u_stride + first, p.u_stride),
        copy_delta_(helper, p.delta + segment.begin * p.delta_stride + first, p.delta_stride),
        copy_z_(helper, p.z + segment.begin * p.z_stride + first, p.z_stride),
        second_half_(helper >= kHalf),
        copy_rows_(helper % kHalf,
                   (second_half_ ? p.C : p.B) + segment.begin * (second_half_ ? p.C_stride : p.B_stride),
                   second_half_ ? p.C_stride : p.B_stride),
        shared_(shared),
        whole_tiles_(static_cast<int>(segment.length / S::kTile)),
        rest_(static_cast<int>(segment.length % S::kTile)),
        row_(helper / 32),
        c_(helper % 32 * 2),
        bias_(*reinterpret_cast<const float2*>(p.delta_bias + first + c_)),
        D_(*reinterpret_cast<const float2*>(p.D + first + c_)),
        y_(p.y + (segment.begin + row_) * p.y_stride + first + c_) {}

  __device__ __forceinline__ void run() {
    const int tiles = whole_tiles_ + (rest_ > 0);
#pragma unroll 1
    for (int tile = 0; tile < 4; ++tile) fetch(tile);
    copy_async_wait<1>();
    barrier_wait(kHelpersMeet, S::kHelpers);
#pragma unroll 1
    for (int tile = 0; tile < 3; ++tile) {
      make_steps(tile);
      if (tile > 0 && tile <= tiles) ready(tile - 1);
    }
#pragma unroll 1
    for (int tile = 1; tile <= tiles; ++tile) {
      copy_async_wait<0>();
      barrier_wait(kSumsMade + (tile - 1) % 2,
                   S::kThreads);  // of tile - 1; and every helper's part of tile + 2 is here
      fetch(tile + 3);
      finish(tile - 1);
      make_steps(tile + 2);
      if (tile + 1 < tiles) ready(tile + 1);
    }
  }

 private:
  // The recurrence may take a tile: the inputs and steps of it and of the next are here, and there is room for its
  // sums.
  __device__ __forceinline__ void ready(int tile) const {
#pragma unroll
    for (int warp = 0; warp < S::kRecurring / 32; ++warp)
      barrier_arrive(kReady + warp * 2 + tile % 2, S::kHelpers + 32);
  }
  __device__ __forceinline__ int rows_of(int tile) const {
    return tile < whole_tiles_ ? S::kTile : tile == whole_tiles_ ? rest_ : 0;
  }

  __device__ __forceinline__ void fetch(int tile) {
    const int count = rows_of(tile);
    if (count > 0) {
      uint32_t to = shared_address(shared_ + tile % S::kStages * S::kStageBytes);
      copy_u_.copy(to, count), to += S::kValueBytes;
      copy_delta_.copy(to, count), to += S::kGateBytes;
      copy_z_.copy(to, count), to += S::kGateBytes;
      copy_rows_.copy(to + (second_half_ ? S::kRowBytes : 0), count);
    }
    copy_async_commit();
  }

  static __device__ __forceinline__ float step_of(float v) {
    if constexpr (S::kKeeps)
      return scan_step(v);
    else
      return softplus(v);
  }

  // (step, step u) of a tile; zeros, which leave the state as it is, behind the segment's end.
  __device__ __forceinline__ void make_steps(int tile) const {
    const int count = rows_of(tile);
    if (count == 0) return;
    const char* from = shared_ + tile % S::kStages * S::kStageBytes;
    float4* to = reinterpret_cast<float4*>(shared_ + S::kStages * S::kStageBytes +
                                           tile % S::kStepTiles * S::kStepBytes + (row_ * kScanChannels + c_) * 8);
    const bool whole = count == S::kTile;
    float2 u[kRows], delta[kRows];
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int place = (i * kWarps + row_) * kScanChannels + c_;
      u[i] = two<T>(from, place), delta[i] = two<G>(from + S::kValueBytes, place);
    }
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      float low = step_of(delta[i].x + bias_.x), high = step_of(delta[i].y + bias_.y);
      if (!whole && i * kWarps + row_ >= count) low = 0.0f, high = 0.0f;
      to[i * kWarps * kScanChannels / 2] = make_float4(low, low * u[i].x, high, high * u[i].y);
    }
  }

  // y of a tile from the sums of its states.
  __device__ __forceinline__ void finish(int tile) {
    const int count = rows_of(tile);
    const char* from = shared_ + tile % S::kStages * S::kStageBytes;
    const float* sums =
        reinterpret_cast<const float*>(shared_ + S::kStages * S::kStageBytes + S::kStepTiles * S::kStepBytes +
                                       tile % S::kSumTiles * S::kSumBytes);  // [tile, kLanes, channels / 2]
    float2 u[kRows], z[kRows], part[kRows][S::kLanes];
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const int row = i * kWarps + row_, place = row * kScanChannels + c_;
      u[i] = two<T>(from, place), z[i] = two<G>(from + S::kValueBytes + S::kGateBytes, place);
#pragma unroll
      for (int k = 0; k < S::kLanes; ++k)
        part[i][k] = *reinterpret_cast<const float2*>(sums + (row * S::kLanes + k) * S::kSumPitch + c_);
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

  const ScanProblem<T, G>& p_;
  TileCopy<S, T, kScanChannels> copy_u_;
  TileCopy<S, G, kScanChannels> copy_delta_, copy_z_;
  bool second_half_;  // of the helpers: these copy C, the others B
  TileCopy<S, float, kScanStates, kHalf> copy_rows_;
  char* shared_;
  int whole_tiles_, rest_;  // tiles of kTile rows, rows of one behind them
  int row_, c_;
  float2 bias_, D_;
  T* y_;
};

// Of this block.
template <class S, class P>
__device__ __forceinline__ unsigned scan_segment(const P& p) {
  if constexpr (S::kKeeps)
    if (p.order) return static_cast<unsigned>(p.order[blockIdx.y]);
  return blockIdx.y;
}

// The states of two channels, four of each in a thread.
template <class S>
class ScanRecurrence {
  static constexpr int kTile = S::kTile, kC = S::kChannels, kN = S::kStates;
  // Tokens of a turn of the loop; tokens from load to use; states of this thread from exponential to use. Chosen by
  // measurement: the compiler orders a whole turn, and what it makes of others takes up to a tenth longer.
  static constexpr int kUnroll = 16, kTokensAhead = 5, kDecaysAhead = 14;
  static_assert(kC == 2 && kN == 4 && kTile % kUnroll == 0 && kDecaysAhead <= kTokensAhead * kC * kN);

 public:
  // Lanes of the same states are neighbours: B and C then take half the passes through shared memory.
  template <class P>
  __device__ ScanRecurrence(const P& p, const Segment& segment, int first, char* shared)
      : part_(threadIdx.x % 32 / 8),
        c_(threadIdx.x / 32 * 16 + threadIdx.x % 8 * kC),
        shared_(shared),
        pitch_(p.channels),
        state_(segment.slot < 0 ? nullptr : p.state + (segment.slot * kScanStates + part_ * kN) * pitch_ + first + c_) {
#pragma unroll
    for (int k = 0; k < kC; ++k)
#pragma unroll
      for (int j = 0; j < kN; ++j) {
        A_[j][k] = p.A[(part_ * kN + j) * pitch_ + first + c_ + k] * kLog2E;
        h_[j][k] = state_ ? state_[j * pitch_ + k] : 0.0f;
      }
    if constexpr (S::kKeeps) {
      const int64_t row = first_chunk_row(segment, scan_segment<S>(p), kScanChunk);
      kept_ = p.chunk_states + (row * kScanStates + part_ * kN) * pitch_ + first + c_;
      chunks_ = (segment.length + kScanChunk - 1) / kScanChunk;
    }
  }

  __device__ __forceinline__ void run(int tiles) {
    const int warp = threadIdx.x / 32;
    const char *step = steps_of(0), *row = rows_of(0);
    float* to = reinterpret_cast<float*>(shared_ + S::kStages * S::kStageBytes + S::kStepTiles * S::kStepBytes) +
                part_ * S::kSumPitch + c_;
    barrier_wait(kReady + warp * 2, S::kHelpers + 32);
#pragma unroll
    for (int i = 0; i < kTokensAhead; ++i) load(i, step, row);
#pragma unroll
    for (int i = 0; i < kDecaysAhead; ++i) make_decay(i);
#pragma unroll 1
    for (int tile = 0, stage = 0, made = 0;;) {
      stage = stage + 1 == S::kStages ? 0 : stage + 1, made = made + 1 == S::kStepTiles ? 0 : made + 1;
      const char *const tile_step = steps_of(made), *const tile_row = rows_of(stage);
#pragma unroll 1
      for (int t = 0; t < kTile; t += kUnroll, to += kUnroll * S::kLanes * S::kSumPitch) {
        const bool last = t + kUnroll == kTile;
        const char* const next_step = last ? tile_step : step + kUnroll * kScanChannels * 8;
        const char* const next_row = last ? tile_row : row + kUnroll * kScanStates * 4;
#pragma unroll
        for (int i = 0; i < kUnroll; ++i) {
          if constexpr (S::kKeeps)
            if (i % kScanChunk == 0) keep();
          const bool here = i + kTokensAhead < kUnroll;
          load((i + kTokensAhead) % kUnroll, here ? step : next_step, here ? row : next_row);
          *reinterpret_cast<float2*>(to + i * S::kLanes * S::kSumPitch) = advance(i);
        }
        step = next_step, row = next_row;
      }
      barrier_arrive(kSumsMade + tile % 2, S::kThreads);
      if (++tile == tiles) break;
      to += tile % S::kSumTiles == 0 ? -S::kSumTiles * S::kSumBytes / 4 : 0;
      barrier_wait(kReady + warp * 2 + tile % 2, S::kHelpers + 32);
    }
    if (state_)
#pragma unroll
      for (int k = 0; k < kC; ++k)
#pragma unroll
        for (int j = 0; j < kN; ++j) state_[j * pitch_ + k] = h_[j][k];
  }

 private:
  __device__ __forceinline__ const char* steps_of(int made) const {
    return shared_ + S::kStages * S::kStageBytes + made * S::kStepBytes + c_ * 8;
  }
  __device__ __forceinline__ const char* rows_of(int stage) const {
    return shared_ + stage * S::kStageBytes + S::kValueBytes + 2 * S::kGateBytes + part_ * 16;
  }
  // Token i of the turn that starts at `step` and `row`.
  __device__ __forceinline__ void load(int i, const char* step, const char* row) {
    step_[i] = *reinterpret_cast<const float4*>(step + i * kScanChannels * 8);
    B_[i] = *reinterpret_cast<const float4*>(row + i * kScanStates * 4);
    C_[i] = *reinterpret_cast<const float4*>(row + (kTile + i) * kScanStates * 4);
  }
  // The decays of a turn are counted through: tokens, their states, channels.
  __device__ __forceinline__ void make_decay(int count) {
    const int i = count / (kC * kN) % kUnroll, j = count / kC % kN, k = count % kC;
    decay_[i][j][k] = scan_decay((k == 0 ? step_[i].x : step_[i].z) * A_[j][k], k == 0, j);
  }
  // The states before a chunk; behind the segment's end there is none.
  __device__ __forceinline__ void keep() {
    if (--chunks_ < 0) return;
#pragma unroll
    for (int j = 0; j < kN; ++j) *reinterpret_cast<float2*>(kept_ + j * pitch_) = make_float2(h_[j][0], h_[j][1]);
    kept_ += kScanStates * pitch_;
  }
  // Token i: the states, and of both channels the sum of these four; beside them the exponentials of later tokens.
  __device__ __forceinline__ float2 advance(int i) {
    const float *B = &B_[i].x, *C = &C_[i].x;
    float sum[kC] = {};
#pragma unroll
    for (int j = 0; j < kN; ++j) {
#pragma unroll
      for (int k = 0; k < kC; ++k) make_decay((i * kN + j) * kC + k + kDecaysAhead);
#pragma unroll
      for (int k = 0; k < kC; ++k) {
        h_[j][k] = fmaf(decay_[i][j][k], h_[j][k], (k == 0 ? step_[i].y : step_[i].w) * B[j]);
        sum[k] = fmaf(C[j], h_[j][k], sum[k]);
      }
    }
    return make_float2(sum[0], sum[1]);
  }

  int part_, c_;
  char* shared_;
  int64_t pitch_;
  float* state_;
  float* kept_ = nullptr;  // the states before the next chunk, and
  int64_t chunks_ = 0;     // how many chunks are to come
  float A_[kN][kC], h_[kN][kC];
  // Of kUnroll tokens by name, of the few between load and use in registers: (step, step u) of both channels.
  float4 step_[kUnroll], B_[kUnroll], C_[kUnroll];
  float decay_[kUnroll][kN][kC];
};

template <class S>
__global__ void __launch_bounds__(S::kThreads, 1)
    selective_scan_kernel(const __grid_constant__ ScanProblem<typename S::Value, typename S::Gate> p) {
  extern __shared__ __align__(128) char shared[];
  const Segment segment = p.segments[scan_segment<S>(p)];
  if (segment.length == 0) return;
  const int first = blockIdx.x * kScanChannels;
  const int tiles = static_cast<int>((segment.length + S::kTile - 1) / S::kTile);
  if (threadIdx.x < S::kRecurring)
    ScanRecurrence<S>(p, segment, first, shared).run(tiles);
  else
    ScanHelper<S>(p, segment, threadIdx.x - S::kRecurring, first, shared).run();
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
