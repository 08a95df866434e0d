// The backward pass of the selective scan on a GPU. Per segment: forward, to put down the states at the starts of
// chunks of 8 tokens (unless the forward pass kept them), and back, chunk by chunk, whose states and decays are rebuilt
// first and stay in registers.
//
// A block has 64 channels of a segment; its warp `part` has states 4 part to 4 part + 3 of all of them, a thread two
// neighbouring channels. Once per chunk every thread also does what belongs to a token and channel alone, for 4
// neighbouring channels of a row: the outputs behind the states, and in the same breath step sizes and gates of the
// chunk before, chains that do not wait for each other. So a chunk has two barriers, in front of its states and behind
// them. What is added up over states or channels goes through shared memory and is added in one order, nothing
// atomically. dB and dC of a block are partial sums, those over time are partial by segment; two small kernels add them
// up in order.
//
// Estimate for a token of 8,192 channels and 16 states on an H200 (132 multiprocessors, 1.755 GHz, 4.3 TB/s), all that
// may be in bf16; instructions are those of the compiled loops, words of shared memory a thread's loads and stores:
//              bytes                                       exponential unit   instructions   shared memory   time
//   starts     32 KB in, 64 KB of states out      23 ns      14 + 2  62 clk     8.1  63 clk   0.9    27 clk   36 ns
//   back       130 KB in, 64 KB out               46 ns      16 + 5  81 clk    21   165 clk   6.1   190 clk  108 ns
//   sums       16 KB                               4 ns                                                        4 ns
// (exponentials per token and channel, of which scan_decay() takes 2 of 16 off the unit in starts; instructions and
// words per state). Of back's instructions 15.5 are arithmetic of f32; of its words 2 are for the sums over channels,
// 1.5 for those over states, 1.75 for what the states read, 0.9 for the rest. In back a thread has 255 registers: two
// blocks, 8 warps, to a multiprocessor. Two warps to a scheduler hide only a part of each other's latencies: back was
// measured at 135 ns (1.98 GHz), and with both sums at 141.
//
// Scratch memory: l n e / 32 of dB and dC, in floats, 16 KB a token at this size; l n e / 8 of states that the forward
// pass has not kept, 64 KB.
#pragma once

#include <cstddef>

#include "ops/gpu_scratch.h"
#include "ops/selective_scan/selective_scan_kernels.cuh"

namespace saker::cuda {

static_assert(kScanGroup == kScanChannels);
inline constexpr int kScanBackwardThreads = 128;  // of the kernels for 16 states

template <class T, class G>
struct ScanBackwardProblem {
  G *du, *ddelta, *dz;  // [l, e]
  float *dB, *dC;       // [l, n]
  float *dA_log, *dD, *ddelta_bias;
  float* dstate;  // [s, n, e] or null
  const T* u;
  const G *dy, *delta, *z;
  const float *delta_bias, *A, *B, *C, *D, *state;
  float* starts;      // [chunks, n, e]: the states before chunks, here or kept by the forward pass; [chunks, e] of one
                      // state for any number of states
  float* token_sums;  // [3, l, e] of any number of states, where du, ddelta and dz are not f32
  float* partials;    // [groups, l, 2n]: dB, dC of a group of channels
  float* sums;        // [segments, n + 2, e]: dA, dD, ddelta_bias of a segment
  const Segment* segments;
  const int32_t* order;  // scan_order.cuh; or null
  int64_t du_stride, ddelta_stride, dz_stride, dB_stride, dC_stride;
  int64_t dy_stride, u_stride, delta_stride, B_stride, C_stride, z_stride;
  int64_t l, channels;
  int n, groups, segment_count;

  // The segment of this block, where a row of blocks has one.
  __device__ __forceinline__ int mine() const { return order ? order[blockIdx.y] : static_cast<int>(blockIdx.y); }
  __device__ __forceinline__ bool carried(const Segment& segment) const { return dstate && segment.slot >= 0; }
  // Of state n of a slot, or of a segment's sums.
  __device__ __forceinline__ int64_t slot_offset(int64_t slot, int state_index) const {
    return (slot * n + state_index) * channels;
  }
  __device__ __forceinline__ float* sums_of(int64_t s, int row) const { return sums + (s * (n + 2) + row) * channels; }
};

// What belongs to a token and channel alone.
struct ScanToken {
  float step, input;  // step u
  float dq;           // gradient of y before the gate
  float dz;           // dz is this times y before the gate
  float step_slope;   // of the step size by delta
};
__device__ __forceinline__ ScanToken scan_token(float biased_delta, float u, float dy, float z) {
  const float p = exp2_approximate(kLog2E * biased_delta), logarithm = kLn2 * log2_approximate(1.0f + p);
  const float inverse = reciprocal_approximate(1.0f + p);
  const float step = scan_step(biased_delta, p, logarithm), slope = biased_delta > 20.0f ? 1.0f : p * inverse;
  const float2 gate = silu_with_slope(z);
  return {step, step * u, dy * gate.x, dy * gate.y, slope};
}

// Those of 4 neighbouring channels.
struct ScanRow {
  float step[4], input[4], dq[4], dz[4], step_slope[4];

  __device__ __forceinline__ ScanToken of(int k) const { return {step[k], input[k], dq[k], dz[k], step_slope[k]}; }
};

// Sums over the states of a token and channel, and the gradients made of them. The decay rates are A log2 e.
struct ScanTokenSums {
  float q = 0.0f, along_B = 0.0f, along_decay = 0.0f;
};
struct ScanTokenGradients {
  float du, ddelta, dz;
};
__device__ __forceinline__ ScanTokenGradients scan_gradients(const ScanToken& token, float u, float D,
                                                             const ScanTokenSums& sums) {
  const float dstep = fmaf(u, sums.along_B, kLn2 * sums.along_decay);
  return {fmaf(D, token.dq, token.step * sums.along_B), dstep * token.step_slope, token.dz * fmaf(D, u, sums.q)};
}

// The gradient of a state of a channel after a token, of which `carry` comes from behind it; `carry` becomes the
// gradient of the state before. Adds to the sums.
__device__ __forceinline__ float scan_state_back(float decay, float before, float after, float rate, float B, float C,
                                                 float dq, float step, float& carry, float& A_sum,
                                                 ScanTokenSums& sums) {
  const float gradient = fmaf(dq, C, carry);
  carry = decay * gradient;
  const float decayed = carry * before;
  sums.q = fmaf(C, after, sums.q);
  sums.along_B = fmaf(gradient, B, sums.along_B);
  sums.along_decay = fmaf(decayed, rate, sums.along_decay);
  A_sum = fmaf(decayed, step, A_sum);
  return gradient;
}

// ---- 16 states, channels in groups of 64 ----

__device__ __forceinline__ void load_four(const float* from, float (&to)[4]) {
  const float4 four = *reinterpret_cast<const float4*>(from);
  to[0] = four.x, to[1] = four.y, to[2] = four.z, to[3] = four.w;
}
__device__ __forceinline__ void load_four(const __nv_bfloat16* from, float (&to)[4]) {
  const uint2 words = *reinterpret_cast<const uint2*>(from);
  to[0] = __uint_as_float(words.x << 16), to[1] = __uint_as_float(words.x & 0xffff0000u);
  to[2] = __uint_as_float(words.y << 16), to[3] = __uint_as_float(words.y & 0xffff0000u);
}
__device__ __forceinline__ void store_four(float* to, const float (&from)[4]) {
  *reinterpret_cast<float4*>(to) = make_float4(from[0], from[1], from[2], from[3]);
}
__device__ __forceinline__ void store_four(__nv_bfloat16* to, const float (&from)[4]) {
  *reinterpret_cast<uint2*>(to) =
      make_uint2(pack(from[0], from[1], __nv_bfloat16()), pack(from[2], from[3], __nv_bfloat16()));
}
// Of a thread's two channels.
__device__ __forceinline__ void load_two(const float* from, float (&to)[2]) {
  const float2 both = *reinterpret_cast<const float2*>(from);
  to[0] = both.x, to[1] = both.y;
}
__device__ __forceinline__ void store_two(float* to, float low, float high) {
  *reinterpret_cast<float2*>(to) = make_float2(low, high);
}

// Of a row of 64 channels two values each, as threads with two channels and threads with four take them: (a, a', b, b')
// of every even pair of channels, then of the odd ones, so far apart that neighbours of either kind meet different
// banks.
struct ScanPairs {
  float4 of[2][kScanChannels / 4 + 4];

  __device__ __forceinline__ float4& pair(int i) { return of[i % 2][i / 2]; }
  __device__ __forceinline__ void store(int c4, const float (&a)[4], const float (&b)[4]) {
    of[0][c4 / 4] = make_float4(a[0], a[1], b[0], b[1]), of[1][c4 / 4] = make_float4(a[2], a[3], b[2], b[3]);
  }
  __device__ __forceinline__ void load(int c4, float (&a)[4], float (&b)[4]) const {
    const float4 low = of[0][c4 / 4], high = of[1][c4 / 4];
    a[0] = low.x, a[1] = low.y, a[2] = high.x, a[3] = high.y;
    b[0] = low.z, b[1] = low.w, b[2] = high.z, b[3] = high.w;
  }
};

// Shared memory of a block. A stage has the inputs of a chunk, brought by cp.async while the chunk before is in hand.
template <class T, class G>
struct ScanBackwardShared {
  struct Stage {
    G dy[kScanChunk][kScanChannels], z[kScanChunk][kScanChannels], delta[kScanChunk][kScanChannels];
    T u[kScanChunk][kScanChannels];
    float B[kScanChunk][kScanStates], C[kScanChunk][kScanStates];
    float start[kScanStates][kScanChannels];
  };
  Stage stages[2];
  ScanPairs steps[kScanChunk];  // (step, input) of ScanToken
  float dq[kScanChunk][kScanChannels];
  float delta_bias[kScanChannels], D[kScanChannels];
  float4 products[kScanChunk][2][4][2][17];        // [token, dB or dC, part, half of the pairs]: of 4 states
  ScanPairs sums[kScanChunk][4];                   // (q, along_B) by part
  float decay_sums[kScanChunk][4][kScanChannels];  // along_decay by part

  __device__ __forceinline__ void store(int row, int c4, const ScanRow& tokens) {
    steps[row].store(c4, tokens.step, tokens.input);
    store_four(&dq[row][c4], tokens.dq);
  }
};
template <class T, class G>
struct ScanStartsShared {
  struct Stage {
    G delta[kScanChunk][kScanChannels];
    T u[kScanChunk][kScanChannels];
    float B[kScanChunk][kScanStates];
  };
  Stage stages[2];
  ScanPairs steps[kScanChunk];
};

// 8 rows of kColumns elements, in pieces of 16 bytes.
template <int kColumns, class E>
struct ChunkRows {
  static constexpr int kPerRow = kColumns * static_cast<int>(sizeof(E)) / 16, kPieces = kScanChunk * kPerRow;
  const E* first;
  int64_t stride;
};

// What a thread brings of each chunk: of the pieces of all inputs, one behind the other as a stage has them, every
// kScanBackwardThreads-th. They stay where they are from chunk to chunk, so that addresses are sums.
template <class... Inputs>
class ChunkCopy {
  static constexpr int kTurns = ((Inputs::kPieces + ...) + kScanBackwardThreads - 1) / kScanBackwardThreads;

 public:
  static constexpr int kPieces = (Inputs::kPieces + ...);

  // Of the chunk that begins at row t; the next begins `ahead` rows behind it.
  __device__ __forceinline__ ChunkCopy(int64_t t, int ahead, const Inputs&... inputs) {
#pragma unroll
    for (int turn = 0; turn < kTurns; ++turn) {
      int piece = turn * kScanBackwardThreads + static_cast<int>(threadIdx.x);
      (take(turn, piece, t, ahead, inputs), ...);
    }
  }
  // Rows from `count` on become zeros, as do all if not `any`; they need not exist.
  __device__ __forceinline__ void copy(void* stage, bool any, int count) {
    const uint32_t to = shared_address(stage) + threadIdx.x * 16;
#pragma unroll
    for (int turn = 0; turn < kTurns; ++turn) {
      const int left = kPieces - turn * kScanBackwardThreads;
      if (left >= kScanBackwardThreads || static_cast<int>(threadIdx.x) < left)
        copy_async_16(to + turn * kScanBackwardThreads * 16, from_[turn],
                      any && (count == kScanChunk || row_[turn] < count));
      from_[turn] += step_[turn];
    }
  }

 private:
  template <int kColumns, class E>
  __device__ __forceinline__ void take(int turn, int& piece, int64_t t, int ahead, const ChunkRows<kColumns, E>& rows) {
    using Rows = ChunkRows<kColumns, E>;
    if (piece >= 0 && piece < Rows::kPieces) {
      row_[turn] = piece / Rows::kPerRow;
      from_[turn] =
          reinterpret_cast<const char*>(rows.first + (t + row_[turn]) * rows.stride) + piece % Rows::kPerRow * 16;
      step_[turn] = ahead * rows.stride * static_cast<int64_t>(sizeof(E));
    }
    piece -= Rows::kPieces;
  }

  const char* from_[kTurns] = {};
  int64_t step_[kTurns] = {};
  int row_[kTurns] = {};
};
template <class... Inputs>
ChunkCopy(int64_t, int, const Inputs&...) -> ChunkCopy<Inputs...>;

// The states before the chunks of a segment.
template <class T, class G>
__global__ void __launch_bounds__(kScanBackwardThreads) scan_starts_kernel(const ScanBackwardProblem<T, G> p) {
  extern __shared__ __align__(128) char shared_bytes[];
  auto& shared = *reinterpret_cast<ScanStartsShared<T, G>*>(shared_bytes);
  const Segment segment = p.segments[p.mine()];
  if (segment.length == 0) return;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kScanChannels;
  const int64_t chunks = (segment.length + kScanChunk - 1) / kScanChunk;

  const int part = threadIdx.x / 32, c = threadIdx.x % 32 * 2;  // of the states
  const int row = threadIdx.x / 16, c4 = threadIdx.x % 16 * 4;  // of the tokens
  float rate[4][2], h[4][2], bias[4];
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const int64_t at = first + c;
    load_two(p.A + p.slot_offset(0, part * 4 + j) + at, rate[j]);
    rate[j][0] *= kLog2E, rate[j][1] *= kLog2E;
    if (segment.slot >= 0)
      load_two(p.state + p.slot_offset(segment.slot, part * 4 + j) + at, h[j]);
    else
      h[j][0] = h[j][1] = 0.0f;
  }
  load_four(p.delta_bias + first + c4, bias);

  ChunkCopy inputs(segment.begin, kScanChunk, ChunkRows<kScanChannels, G>{p.delta + first, p.delta_stride},
                   ChunkRows<kScanChannels, T>{p.u + first, p.u_stride},
                   ChunkRows<kScanStates, float>{p.B, p.B_stride});
  // Of all chunks but the last, whose tokens are not needed: whole ones.
  const auto fetch = [&](int64_t chunk) {
    if (chunk + 1 < chunks) inputs.copy(&shared.stages[chunk % 2], true, kScanChunk);
    copy_async_commit();
  };
  float* to = p.starts + p.slot_offset(first_chunk_row(segment, p.mine(), kScanChunk), part * 4) + first + c;
  fetch(0);
  for (int64_t chunk = 0; chunk < chunks; ++chunk, to += kScanStates * p.channels) {
#pragma unroll
    for (int j = 0; j < 4; ++j) store_two(to + j * p.channels, h[j][0], h[j][1]);
    if (chunk + 1 == chunks) break;
    copy_async_wait<0>();
    __syncthreads();  // the chunk is here; the one before is done with
    fetch(chunk + 1);
    const auto& stage = shared.stages[chunk % 2];
    float delta[4], u[4], step[4], input[4];
    load_four(&stage.delta[row][c4], delta);
    load_four(&stage.u[row][c4], u);
#pragma unroll
    for (int k = 0; k < 4; ++k) step[k] = scan_step(delta[k] + bias[k]), input[k] = step[k] * u[k];
    shared.steps[row].store(c4, step, input);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kScanChunk; ++i) {
      float B[4];
      const float4 both = shared.steps[i].pair(c / 2);
      const float steps[2] = {both.x, both.y}, inputs[2] = {both.z, both.w};
      load_four(&stage.B[i][part * 4], B);
#pragma unroll
      for (int j = 0; j < 4; ++j)
#pragma unroll
        for (int k = 0; k < 2; ++k)
          h[j][k] = fmaf(scan_decay(steps[k] * rate[j][k], k == 0, j), h[j][k], inputs[k] * B[j]);
    }
  }
}

template <class T, class G>
__global__ void __launch_bounds__(kScanBackwardThreads, 2) scan_backward_kernel(const ScanBackwardProblem<T, G> p) {
  extern __shared__ __align__(128) char shared_bytes[];
  auto& shared = *reinterpret_cast<ScanBackwardShared<T, G>*>(shared_bytes);
  const Segment segment = p.segments[p.mine()];
  if (segment.length == 0) return;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kScanChannels;
  const int last = static_cast<int>((segment.length - 1) / kScanChunk);  // chunk, which begins at token
  const int64_t last_token = segment.begin + int64_t{last} * kScanChunk;
  int tokens = static_cast<int>(segment.begin + segment.length - last_token);  // of the chunk in hand

  const int part = threadIdx.x / 32, pair = threadIdx.x % 32, c = pair * 2;  // of the states
  const int row = threadIdx.x / 16, c4 = threadIdx.x % 16 * 4;               // of the tokens
  float rate[4][2], carry[4][2], A_sums[4][2] = {}, D_sums[4] = {}, bias_sums[4] = {};
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    load_two(p.A + p.slot_offset(0, part * 4 + j) + first + c, rate[j]);
    rate[j][0] *= kLog2E, rate[j][1] *= kLog2E;
    if (p.carried(segment))
      load_two(p.dstate + p.slot_offset(segment.slot, part * 4 + j) + first + c, carry[j]);
    else
      carry[j][0] = carry[j][1] = 0.0f;
  }

  ChunkCopy inputs(last_token, -kScanChunk, ChunkRows<kScanChannels, G>{p.dy + first, p.dy_stride},
                   ChunkRows<kScanChannels, G>{p.z + first, p.z_stride},
                   ChunkRows<kScanChannels, G>{p.delta + first, p.delta_stride},
                   ChunkRows<kScanChannels, T>{p.u + first, p.u_stride}, ChunkRows<kScanStates, float>{p.B, p.B_stride},
                   ChunkRows<kScanStates, float>{p.C, p.C_stride});
  using Stage = typename ScanBackwardShared<T, G>::Stage;
  static_assert(offsetof(Stage, start) == decltype(inputs)::kPieces * 16);
  // Of the states before a chunk, a piece of the first 8 and of the others.
  const float* start =
      p.starts + first + c4 + p.slot_offset(first_chunk_row(segment, p.mine(), kScanChunk) + last, row);
  const auto fetch = [&](Stage& stage, bool any, int count) {
    inputs.copy(&stage, any, count);
    copy_async_16(shared_address(&stage.start[row][c4]), start, any);
    copy_async_16(shared_address(&stage.start[row + 8][c4]), start + 8 * p.channels, any);
    copy_async_commit();
    start -= kScanStates * p.channels;
  };
  const auto at_row = [&](auto* out, int64_t stride) { return out + (last_token + row) * stride + first + c4; };
  G *du_out = at_row(p.du, p.du_stride), *ddelta_out = at_row(p.ddelta, p.ddelta_stride);
  G* dz_out = at_row(p.dz, p.dz_stride);
  // Of dB and dC: [token, dB or dC, part], and half of the pairs of channels.
  const int sum = threadIdx.x / 2, half = threadIdx.x % 2;
  float* partial_out = p.partials + (blockIdx.x * p.l + last_token) * 2 * kScanStates + sum * 4;

  // What belongs to a token and channel alone, of 4 channels of a row. Behind the segment's end the step is 0 and the
  // inputs are: states and gradients stay as they are.
  const auto prepare = [&](const Stage& stage, bool inside) {
    float dy[4], z[4], delta[4], u[4], bias[4];
    load_four(&stage.dy[row][c4], dy);
    load_four(&stage.z[row][c4], z);
    load_four(&stage.delta[row][c4], delta);
    load_four(&stage.u[row][c4], u);
    load_four(&shared.delta_bias[c4], bias);
    ScanRow made;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const ScanToken token = scan_token(delta[k] + bias[k], u[k], dy[k], z[k]);
      made.step[k] = inside ? token.step : 0.0f, made.input[k] = token.input, made.dq[k] = token.dq;
      made.dz[k] = token.dz, made.step_slope[k] = inside ? token.step_slope : 0.0f;
    }
    return made;
  };

  fetch(shared.stages[last % 2], true, tokens);
  (threadIdx.x < kScanChannels ? shared.delta_bias : shared.D)[threadIdx.x % kScanChannels] =
      (threadIdx.x < kScanChannels ? p.delta_bias : p.D)[first + threadIdx.x % kScanChannels];
  copy_async_wait<0>();
  __syncthreads();
  ScanRow mine = prepare(shared.stages[last % 2], row < tokens);
  shared.store(row, c4, mine);
  for (int chunk = last; chunk >= 0; --chunk, tokens = kScanChunk) {
    Stage &stage = shared.stages[chunk % 2], &next = shared.stages[(chunk + 1) % 2];
    __syncthreads();  // the chunk is prepared; sums and inputs of the one behind it are done with
    fetch(next, chunk > 0, kScanChunk);

    // The states before and after each token, and its decays, all by the unit for exponentials: while one warp of a
    // scheduler waits for it, the other is elsewhere.
    float h[kScanChunk + 1][4][2], decay[kScanChunk][4][2];
#pragma unroll
    for (int j = 0; j < 4; ++j) load_two(&stage.start[part * 4 + j][c], h[0][j]);
#pragma unroll
    for (int i = 0; i < kScanChunk; ++i) {
      float B[4];
      const float4 both = shared.steps[i].pair(pair);
      const float step[2] = {both.x, both.y}, input[2] = {both.z, both.w};
      load_four(&stage.B[i][part * 4], B);
#pragma unroll
      for (int j = 0; j < 4; ++j)
#pragma unroll
        for (int k = 0; k < 2; ++k) {
          decay[i][j][k] = exp2_approximate(step[k] * rate[j][k]);
          h[i + 1][j][k] = fmaf(decay[i][j][k], h[i][j][k], input[k] * B[j]);
        }
    }
    // What is read of a token is read while the one behind it is in hand, before the stores of that, which a compiler
    // will not let it pass.
    const auto read = [&](int i) {
      struct Token {
        float4 steps;
        float dq[2], B[4], C[4];
      } token;
      token.steps = shared.steps[i].pair(pair);
      load_two(&shared.dq[i][c], token.dq);
      load_four(&stage.B[i][part * 4], token.B);
      load_four(&stage.C[i][part * 4], token.C);
      return token;
    };
    auto token = read(kScanChunk - 1);
#pragma unroll
    for (int i = kScanChunk - 1; i >= 0; --i) {
      const auto token_before = read(i > 0 ? i - 1 : 0);
      const float(&dq)[2] = token.dq, (&B)[4] = token.B, (&C)[4] = token.C;
      const float step[2] = {token.steps.x, token.steps.y}, input[2] = {token.steps.z, token.steps.w};
      float dB[4], dC[4];
      ScanTokenSums sums[2];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        float gradient[2];
#pragma unroll
        for (int k = 0; k < 2; ++k)
          gradient[k] = scan_state_back(decay[i][j][k], h[i][j][k], h[i + 1][j][k], rate[j][k], B[j], C[j], dq[k],
                                        step[k], carry[j][k], A_sums[j][k], sums[k]);
        dB[j] = fmaf(gradient[0], input[0], gradient[1] * input[1]);
        dC[j] = fmaf(dq[0], h[i + 1][j][0], dq[1] * h[i + 1][j][1]);
      }
      shared.products[i][0][part][pair / 16][pair % 16] = make_float4(dB[0], dB[1], dB[2], dB[3]);
      shared.products[i][1][part][pair / 16][pair % 16] = make_float4(dC[0], dC[1], dC[2], dC[3]);
      shared.sums[i][part].pair(pair) = make_float4(sums[0].q, sums[1].q, sums[0].along_B, sums[1].along_B);
      store_two(&shared.decay_sums[i][part][c], sums[0].along_decay, sums[1].along_decay);
      token = token_before;
    }
    copy_async_wait<0>();
    __syncthreads();  // the sums are here, and the inputs of the chunk before; steps and dq have served

    // The outputs of 4 channels of a token, while those of the chunk before are prepared: chains that have nothing to
    // do with each other. A thread reads the dq that it has made before it writes the next; no other reads any here.
    // Before the first chunk there are zeros, of which nothing is used.
    float q[4][4], along_B[4][4], along_decay[4][4];  // [part, channel]
    float u[4], D[4], du[4], ddelta[4], dz[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      shared.sums[row][i].load(c4, q[i], along_B[i]);
      load_four(&shared.decay_sums[row][i][c4], along_decay[i]);
    }
    const auto total = [](const float(&of_part)[4][4], int k) {
      return (of_part[0][k] + of_part[1][k]) + (of_part[2][k] + of_part[3][k]);
    };
    load_four(&stage.u[row][c4], u);
    load_four(&shared.D[c4], D);
    load_four(&shared.dq[row][c4], mine.dq);  // which were not kept in registers
    const ScanRow before = prepare(next, true);
    // dB and dC over the channels: two threads for the 4 states of a part, each for half of the pairs, whose 17 places
    // for 16 let 8 neighbouring threads read from different banks.
    const float4* products = &shared.products[0][0][0][0][0] + threadIdx.x * 17;
    float4 over_pairs = products[0];
#pragma unroll
    for (int i = 1; i < 16; ++i) {
      const float4 product = products[i];
      over_pairs.x += product.x, over_pairs.y += product.y, over_pairs.z += product.z, over_pairs.w += product.w;
    }
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const ScanTokenGradients to =
          scan_gradients(mine.of(k), u[k], D[k], {total(q, k), total(along_B, k), total(along_decay, k)});
      du[k] = to.du, ddelta[k] = to.ddelta, dz[k] = to.dz;
      D_sums[k] = fmaf(mine.dq[k], u[k], D_sums[k]), bias_sums[k] += ddelta[k];
    }
    mine = before;
    shared.store(row, c4, mine);
    over_pairs.x += __shfl_xor_sync(0xffffffffu, over_pairs.x, 1);
    over_pairs.y += __shfl_xor_sync(0xffffffffu, over_pairs.y, 1);
    over_pairs.z += __shfl_xor_sync(0xffffffffu, over_pairs.z, 1);
    over_pairs.w += __shfl_xor_sync(0xffffffffu, over_pairs.w, 1);
    if (row < tokens) {
      store_four(du_out, du);
      store_four(ddelta_out, ddelta);
      store_four(dz_out, dz);
    }
    if (half == 0 && sum / 8 < tokens) *reinterpret_cast<float4*>(partial_out) = over_pairs;
    du_out -= kScanChunk * p.du_stride, ddelta_out -= kScanChunk * p.ddelta_stride;
    dz_out -= kScanChunk * p.dz_stride;
    partial_out -= kScanChunk * 2 * kScanStates;
  }

#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const int state = part * 4 + j;
    store_two(p.sums_of(p.mine(), state) + first + c, A_sums[j][0], A_sums[j][1]);
    if (p.carried(segment))
      store_two(p.dstate + p.slot_offset(segment.slot, state) + first + c, carry[j][0], carry[j][1]);
  }
  // dD and ddelta_bias of the 8 rows that the threads had, where these threads parked.
  store_four(&shared.dq[row][c4], D_sums);
  store_four(&shared.decay_sums[row][0][c4], bias_sums);
  __syncthreads();
  const int channel = threadIdx.x % kScanChannels, which = threadIdx.x / kScanChannels;
  float total = 0.0f;
#pragma unroll
  for (int i = 0; i < kScanChunk; ++i) total += which == 0 ? shared.dq[i][channel] : shared.decay_sums[i][0][channel];
  p.sums_of(p.mine(), kScanStates + which)[first + channel] = total;
}

// ---- any number of states and channels ----

// Where the sums over the states of a token and channel grow from state to state: in dz (q), du (along_B) and ddelta
// (along_decay) if these are f32, else in scratch memory.
struct ScanGrowingSums {
  float &q, &along_B, &along_decay;
};
template <class T, class G>
__device__ __forceinline__ ScanGrowingSums growing_sums(const ScanBackwardProblem<T, G>& p, int64_t t, int64_t e) {
  if constexpr (sizeof(G) == 4) {
    return {p.dz[t * p.dz_stride + e], p.du[t * p.du_stride + e], p.ddelta[t * p.ddelta_stride + e]};
  } else {
    float* const at = p.token_sums + t * p.channels + e;
    return {at[0], at[p.l * p.channels], at[2 * p.l * p.channels]};
  }
}

// A warp has 32 channels of a segment and takes one state after the other. The growing sums, which only this thread
// touches, become the gradients at the last state.
template <class T, class G>
__global__ void __launch_bounds__(kAnyScanChannels) scan_backward_any_kernel(const ScanBackwardProblem<T, G> p) {
  const Segment segment = p.segments[p.mine()];
  if (segment.length == 0) return;
  const int64_t mine = blockIdx.x * int64_t{kAnyScanChannels} + threadIdx.x;
  const bool inside = mine < p.channels;
  const int64_t e = inside ? mine : p.channels - 1;  // those outside take part in sums over the warp, with zeros
  const int64_t chunks = (segment.length + kScanChunk - 1) / kScanChunk;
  float* const starts = p.starts + first_chunk_row(segment, p.mine(), kScanChunk) * p.channels + e;
  const float bias = p.delta_bias[e], D = p.D[e];
  const auto biased = [&](int64_t t) { return widen(p.delta[t * p.delta_stride + e]) + bias; };
  const auto u_of = [&](int64_t t) { return widen(p.u[t * p.u_stride + e]); };
  float D_sum = 0.0f, bias_sum = 0.0f;

  for (int n = 0; n < p.n; ++n) {
    const float rate = p.A[p.slot_offset(0, n) + e] * kLog2E;
    const auto decayed_by = [&](float step) { return exp2_approximate(step * rate); };
    float state = segment.slot >= 0 ? p.state[p.slot_offset(segment.slot, n) + e] : 0.0f;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      if (inside) starts[chunk * p.channels] = state;
      if (chunk + 1 == chunks) break;
      const int64_t t0 = segment.begin + chunk * kScanChunk;
      for (int64_t t = t0; t < t0 + kScanChunk; ++t) {
        const float step = scan_step(biased(t));
        state = fmaf(decayed_by(step), state, step * u_of(t) * p.B[t * p.B_stride + n]);
      }
    }
    float carry = p.carried(segment) ? p.dstate[p.slot_offset(segment.slot, n) + e] : 0.0f, A_sum = 0.0f;
    for (int64_t chunk = chunks - 1; chunk >= 0; --chunk) {
      const int64_t t0 = segment.begin + chunk * kScanChunk;
      const int count = static_cast<int>(min(segment.length - chunk * kScanChunk, int64_t{kScanChunk}));
      float h[kScanChunk + 1], decay[kScanChunk];
      h[0] = inside ? starts[chunk * p.channels] : 0.0f;
#pragma unroll
      for (int i = 0; i < kScanChunk; ++i) {
        const int64_t t = t0 + min(i, count - 1);
        const float step = i < count ? scan_step(biased(t)) : 0.0f;
        decay[i] = decayed_by(step);
        h[i + 1] = fmaf(decay[i], h[i], step * u_of(t) * p.B[t * p.B_stride + n]);
      }
#pragma unroll
      for (int i = kScanChunk - 1; i >= 0; --i) {
        if (i >= count) continue;
        const int64_t t = t0 + i;
        const float u = u_of(t);
        const ScanToken token =
            scan_token(biased(t), u, widen(p.dy[t * p.dy_stride + e]), widen(p.z[t * p.z_stride + e]));
        const ScanGrowingSums growing = growing_sums(p, t, e);
        ScanTokenSums sums;
        if (n > 0) sums = {growing.q, growing.along_B, growing.along_decay};
        const float gradient = scan_state_back(decay[i], h[i], h[i + 1], rate, p.B[t * p.B_stride + n],
                                               p.C[t * p.C_stride + n], token.dq, token.step, carry, A_sum, sums);
        const float dB = warp_sum(inside ? gradient * token.input : 0.0f);
        const float dC = warp_sum(inside ? token.dq * h[i + 1] : 0.0f);
        if (threadIdx.x == 0) {
          float* const to = p.partials + (blockIdx.x * p.l + t) * 2 * p.n + n;
          to[0] = dB, to[p.n] = dC;
        }
        if (!inside) continue;
        if (n + 1 < p.n) {
          growing.q = sums.q, growing.along_B = sums.along_B, growing.along_decay = sums.along_decay;
          continue;
        }
        const ScanTokenGradients gradients = scan_gradients(token, u, D, sums);
        p.du[t * p.du_stride + e] = round_to<G>(gradients.du);
        p.ddelta[t * p.ddelta_stride + e] = round_to<G>(gradients.ddelta);
        p.dz[t * p.dz_stride + e] = round_to<G>(gradients.dz);
        D_sum = fmaf(token.dq, u, D_sum);
        bias_sum += gradients.ddelta;
      }
    }
    if (!inside) continue;
    p.sums_of(p.mine(), n)[e] = A_sum;
    if (p.carried(segment)) p.dstate[p.slot_offset(segment.slot, n) + e] = carry;
  }
  if (!inside) return;
  p.sums_of(p.mine(), p.n)[e] = D_sum;
  p.sums_of(p.mine(), p.n + 1)[e] = bias_sum;
}

// ---- sums of partial sums, in their order ----

// dB and dC of a segment, over the groups of channels.
template <class T, class G>
__global__ void __launch_bounds__(256) scan_group_sums_kernel(const ScanBackwardProblem<T, G> p) {
  const Segment segment = p.segments[blockIdx.y];
  const int width = 2 * p.n;
  const int64_t place = blockIdx.x * int64_t{256} + threadIdx.x;
  if (place >= segment.length * width) return;
  const int64_t t = segment.begin + place / width;
  const int column = static_cast<int>(place % width);
  const float* from = p.partials + segment.begin * width + place;
  float sum = 0.0f;
#pragma unroll 8
  for (int group = 0; group < p.groups; ++group, from += p.l * width) sum += *from;
  if (column < p.n)
    p.dB[t * p.dB_stride + column] = sum;
  else
    p.dC[t * p.dC_stride + column - p.n] = sum;
}

// dA_log, dD and ddelta_bias, over the segments; blockIdx.y is the row of the sums.
template <class T, class G>
__global__ void __launch_bounds__(128) scan_segment_sums_kernel(const ScanBackwardProblem<T, G> p) {
  const int64_t e = blockIdx.x * int64_t{128} + threadIdx.x;
  const int row = blockIdx.y;
  if (e >= p.channels) return;
  float sum = 0.0f;
#pragma unroll 8
  for (int s = 0; s < p.segment_count; ++s) sum += p.segments[s].length > 0 ? p.sums_of(s, row)[e] : 0.0f;
  if (row < p.n)
    p.dA_log[p.slot_offset(0, row) + e] += p.A[p.slot_offset(0, row) + e] * sum;
  else
    (row == p.n ? p.dD : p.ddelta_bias)[e] += sum;
}

}  // namespace saker::cuda
