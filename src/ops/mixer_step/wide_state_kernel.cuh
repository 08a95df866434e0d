// Kernel 5 of wide_step_kernels.cuh: dt_proj, step size, state and gate of 64 channels of all sequences. The states'
// bytes, once each way, are its limit.
//
// A round takes 8 sequences, two warps each; a thread has 4 channels and 4 states, and a queue of its own in shared
// memory for their values of the next rounds, which it fills before the kernels before are done. The inputs of two
// rounds, a chunk, come for all threads together: dt is multiplied by the weights, which stay in shared memory, and
// makes the step sizes.
#pragma once

#include "ops/mixer_step/wide_step_kernels.cuh"

namespace saker::cuda {

struct WideState {
  const void* weight;       // dt_proj [e, r]
  const float* delta_bias;  // [e]
  const float* A;           // [n, e]
  const float* D;           // [e]
  const void* dt;           // [b, r]
  const float* B_C;         // [b, 2n]
  const void* u;            // [b, e]
  const float* z;           // [b, e], rows z_pitch apart
  ChunkedRows y;            // [b, e]
  float* state;             // [s, n, e]
  const Segment* segments;  // [b], of one token each
  int batch, z_pitch, channels;
};

struct WideStateShape {
  static constexpr int kRound = 8, kChunk = 2 * kRound;  // sequences
  static constexpr int kDepth = 4;                       // rounds of states on their way
  static constexpr int kChunks = 3;                      // in shared memory: one in use, two on their way
  static constexpr int kPitch = padded_row(kWideRank), kStepPitch = kStepChannels + 4;
  static constexpr int kWeightBytes = kStepChannels * kPitch;
  static constexpr int kZ = kChunk * kPitch, kU = kZ + kChunk * kStepChannels * 4,  // places of inputs in a chunk
      kBC = kU + kChunk * kStepChannels * 2, kChunkBytes = kBC + kChunk * 2 * kStepStates * 4;
  static constexpr int kStepBytes = kChunk * kStepPitch * 4, kQueueBytes = kDepth * 64 * kWideThreads;
  static constexpr int kSlotBytes = kWideStepRows * 4;
  static constexpr int kBytes = kWeightBytes + kChunks * kChunkBytes + kStepBytes + kQueueBytes + kSlotBytes;
};

// The inputs of a chunk's sequences, which arrive with the thread's next group of copies.
template <class T>
__device__ __forceinline__ void fetch_chunk(const WideState& p, char* to, int chunk) {
  using S = WideStateShape;
  const int t0 = chunk * S::kChunk, valid = p.batch - t0, first = blockIdx.x * kStepChannels;
  if (valid <= 0) return;
  fetch_padded<S::kChunk, kWideRank, kWideThreads>(
      to, static_cast<const T*>(p.dt) + static_cast<int64_t>(t0) * kWideRank, kWideRank, valid);
  // 16, 8 and 8 pieces of 16 bytes for each sequence.
  const int part = threadIdx.x / 256, i = threadIdx.x % 256 / (part == 0 ? 16 : 8),
            piece = threadIdx.x % (part == 0 ? 16 : 8);
  const bool exists = i % S::kChunk < valid;
  const int64_t t = t0 + (exists ? i % S::kChunk : 0);
  const void* from = part == 0       ? static_cast<const void*>(p.z + t * p.z_pitch + first + piece * 4)
                     : i < S::kChunk ? static_cast<const T*>(p.u) + t * p.channels + first + piece * 8
                                     : static_cast<const void*>(p.B_C + t * 2 * kStepStates + piece * 4);
  copy_async_16(shared_address(to) + (part == 0 ? S::kZ : S::kU) + threadIdx.x % 256 * 16, from, exists);
}

// step [kChunk, kStepPitch] = softplus(dt weight^T + bias), by the first 8 warps: 16 channels and 8 sequences each.
// bias: of the two channels of this thread.
template <class T>
__device__ __forceinline__ void make_steps(const char* weights, const char* dt, const float (&bias)[2], float* step) {
  using S = WideStateShape;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, tile = warp % 4, column = warp / 4 * 8;
  const char* a = weights + (tile * 16 + lane / 4) * S::kPitch + lane % 4 * 16;
  const char* b = dt + (column + lane / 4) * S::kPitch + lane % 4 * 16;
  float acc[2][4] = {};  // two chains of products
#pragma unroll
  for (int h = 0; h < kWideRank / 32; ++h) {
    const uint4 of_dt = shared_16(b + h * 64);
    Sixteen<T>::multiply(acc[h % 2], shared_16(a + h * 64), shared_16(a + 8 * S::kPitch + h * 64), {{of_dt}});
  }
#pragma unroll
  for (int k = 0; k < 4; ++k)
    step[(column + lane % 4 * 2 + k % 2) * S::kStepPitch + tile * 16 + lane / 4 + k / 2 * 8] =
        softplus(acc[0][k] + acc[1][k] + bias[k / 2]);
}

template <class T>
__global__ void __launch_bounds__(kWideThreads, 1) wide_state_kernel(const WideState p) {
  using S = WideStateShape;
  static_assert(kStepStates == 16 && kStepChannels == 64);
  extern __shared__ __align__(128) char shared[];
  char *weights = shared, *chunks = weights + S::kWeightBytes, *behind = chunks + S::kChunks * S::kChunkBytes;
  float* steps = reinterpret_cast<float*>(behind);
  const uint4* queue = reinterpret_cast<const uint4*>(behind + S::kStepBytes) + threadIdx.x;
  int* slots = reinterpret_cast<int*>(behind + S::kStepBytes + S::kQueueBytes);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, first = blockIdx.x * kStepChannels;
  const int sequence = warp / 2, part = lane / 8, c = (warp % 2 * 8 + lane % 8) * 4;  // of a round; of 4 states; of 64
  const int64_t e = p.channels;
  launch_dependents();
  if (static_cast<int>(threadIdx.x) < p.batch) slots[threadIdx.x] = static_cast<int>(p.segments[threadIdx.x].slot);
  fetch_padded<kStepChannels, kWideRank, kWideThreads>(
      weights, static_cast<const T*>(p.weight) + static_cast<int64_t>(first) * kWideRank, kWideRank, kStepChannels);
  __syncthreads();
  float* const states = p.state + static_cast<int64_t>(part) * 4 * e + first + c;
  const auto fetch_states = [&](int round) {
    const int t = round * S::kRound + sequence;
    if (t >= p.batch) return;
    const int slot = slots[t];
    const float* from = states + (slot < 0 ? 0 : slot) * kStepStates * e;
#pragma unroll
    for (int j = 0; j < 4; ++j)
      copy_async_16(shared_address(queue + (round % S::kDepth * 4 + j) * kWideThreads), from + j * e, slot >= 0);
  };
#pragma unroll
  for (int round = 0; round < S::kDepth; ++round) fetch_states(round);
  copy_async_commit();
  float A[4][4], bias[2];
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    load_vector(p.A + (part * 4 + j) * e + first + c, A[j]);
#pragma unroll
    for (int k = 0; k < 4; ++k) A[j][k] *= kLog2E;
  }
#pragma unroll
  for (int k = 0; k < 2; ++k) bias[k] = p.delta_bias[first + warp % 4 * 16 + lane / 4 + k * 8];
  // After the sums over states a thread has one of its channels.
  const int gated = c + part % 2 * 2 + part / 2;
  const float D = p.D[first + gated];
  wait_for_predecessors();
  fetch_chunk<T>(p, chunks, 0);
  fetch_chunk<T>(p, chunks + S::kChunkBytes, 1);
  copy_async_commit();
  copy_async_wait<0>();

  const int rounds = (p.batch + S::kRound - 1) / S::kRound;
  for (int round = 0; round < rounds; ++round) {
    const int chunk = round / 2;
    const char* inputs = chunks + chunk % S::kChunks * S::kChunkBytes;
    copy_async_wait<S::kDepth - 1>();
    if (round % 2 == 0) {
      __syncthreads();  // the chunk is here, and nobody reads the steps of the one before
      if (warp < 8) make_steps<T>(weights, inputs, bias, steps);
      __syncthreads();
    }
    const int t = round * S::kRound + sequence, i = t % S::kChunk;
    if (t < p.batch) {
      const T* of_u = reinterpret_cast<const T*>(inputs + S::kU) + i * kStepChannels;
      const float* of_B_C = reinterpret_cast<const float*>(inputs + S::kBC) + i * 2 * kStepStates + part * 4;
      float step[4], u[4], B[4], C[4], y[4] = {};
      load_vector(steps + i * S::kStepPitch + c, step);
      load_vector(of_u + c, u);
      load_vector(of_B_C, B);
      load_vector(of_B_C + kStepStates, C);
      const int slot = slots[t];
      float* const to = states + (slot < 0 ? 0 : slot) * kStepStates * e;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const uint4 raw = queue[(round % S::kDepth * 4 + j) * kWideThreads];
        float h[4] = {__uint_as_float(raw.x), __uint_as_float(raw.y), __uint_as_float(raw.z), __uint_as_float(raw.w)};
#pragma unroll
        for (int k = 0; k < 4; ++k) {
          h[k] = fmaf(scan_decay(step[k] * A[j][k], k % 2 == 0, j), h[k], step[k] * u[k] * B[j]);
          y[k] = fmaf(C[j], h[k], y[k]);
        }
        if (slot >= 0) __stcs(reinterpret_cast<float4*>(to + j * e), make_float4(h[0], h[1], h[2], h[3]));
      }
      // (part 0 + part 1) + (part 2 + part 3): a thread keeps two channels, then one.
      const bool odd = part % 2 == 1, upper = part / 2 == 1;
      float low = odd ? y[2] : y[0], high = odd ? y[3] : y[1];
      low += __shfl_xor_sync(0xffffffffu, odd ? y[0] : y[2], 8);
      high += __shfl_xor_sync(0xffffffffu, odd ? y[1] : y[3], 8);
      const float sum = (upper ? high : low) + __shfl_xor_sync(0xffffffffu, upper ? low : high, 16);
      const float z = reinterpret_cast<const float*>(inputs + S::kZ)[i * kStepChannels + gated];
      const float value = fmaf(D, widen(of_u[gated]), sum) * silu(z);
      static_cast<T*>(p.y.data)[p.y.at(t, first + gated)] = round_to<T>(value);
    }
    fetch_states(round + S::kDepth);
    if (round % 2 == 0) fetch_chunk<T>(p, chunks + (chunk + 2) % S::kChunks * S::kChunkBytes, chunk + 2);
    copy_async_commit();
  }
}

}  // namespace saker::cuda
