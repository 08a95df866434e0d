// A block for a row. Weights are whole numbers, so that sums over threads in any order are the same; thresholds are
// found digit by digit of the scores' order-preserving keys, without sorting.
#include <cstring>

#include "device/cuda/launch.cuh"
#include "ops/choose_tokens/choose_tokens.h"

namespace saker::cuda {

namespace {

constexpr int kThreads = 1024, kWarps = kThreads / 32, kDigits = 256;
constexpr float kUnit = 0x1p40f;

// Larger floats have larger keys, equal ones the same: -0 + 0 is 0.
__device__ uint32_t key_of(float value) {
  const uint32_t bits = __float_as_uint(value + 0.0f);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// The largest key such that what lies above it, `amount(key)` added up, is less than `limit`; `above` becomes that sum.
template <class Amount>
__device__ uint32_t threshold(const float* x, int64_t v, unsigned long long limit, const Amount& amount,
                              unsigned long long* histogram, unsigned long long& above) {
  __shared__ uint32_t prefix_shared;
  __shared__ unsigned long long above_shared;
  uint32_t prefix = 0;
  above = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    for (int digit = threadIdx.x; digit < kDigits; digit += kThreads) histogram[digit] = 0;
    __syncthreads();
    const uint32_t mask = shift == 24 ? 0u : ~0u << (shift + 8);
    for (int64_t i = threadIdx.x; i < v; i += kThreads) {
      const float value = x[i];
      const uint32_t key = key_of(value);
      if ((key & mask) != prefix) continue;
      const unsigned long long added = amount(key, value);
      if (added) atomicAdd(&histogram[(key >> shift) & 255], added);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      // The digit in which the sum from above reaches the limit.
      unsigned long long sum = above;
      int digit = kDigits - 1;
      while (digit > 0 && sum + histogram[digit] < limit) sum += histogram[digit--];
      prefix_shared = prefix | static_cast<uint32_t>(digit) << shift;
      above_shared = sum;
    }
    __syncthreads();
    prefix = prefix_shared;
    above = above_shared;
    __syncthreads();
  }
  return prefix;
}

__global__ void __launch_bounds__(kThreads)
    choose_tokens_kernel(int32_t* ids, const float* logits, int64_t stride, int64_t v, const TokenChoice* choices) {
  __shared__ float largest_of[kWarps];
  __shared__ int64_t best_of[kWarps];
  __shared__ unsigned long long totals[kWarps], histogram[kDigits];
  __shared__ int32_t chosen;
  const float* x = logits + blockIdx.x * stride;
  const TokenChoice choice = choices[blockIdx.x];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;

  // The largest score, and the lowest id that has it.
  float most = -INFINITY;
  int64_t best = v;
  bool nan = false;
  for (int64_t i = threadIdx.x; i < v; i += kThreads) {
    const float value = x[i];
    nan |= isnan(value);
    if (value > most) {
      most = value;
      best = i;
    }
  }
  for (int offset = 16; offset > 0; offset /= 2) {
    const float other = __shfl_xor_sync(0xffffffffu, most, offset);
    const int64_t other_best = __shfl_xor_sync(0xffffffffu, best, offset);
    if (other > most || (other == most && other_best < best)) {
      most = other;
      best = other_best;
    }
  }
  if (lane == 0) {
    largest_of[warp] = most;
    best_of[warp] = best;
  }
  nan = __syncthreads_or(nan);
  for (int w = 0; w < kWarps; ++w)
    if (largest_of[w] > most || (largest_of[w] == most && best_of[w] < best)) {
      most = largest_of[w];
      best = best_of[w];
    }
  if (nan || isinf(most) || choice.temperature == 0.0) {
    if (threadIdx.x == 0)
      ids[blockIdx.x] = nan                 ? static_cast<int32_t>(NoToken::nan)
                        : most == INFINITY  ? static_cast<int32_t>(NoToken::infinity)
                        : most == -INFINITY ? static_cast<int32_t>(NoToken::nothing)
                                            : static_cast<int32_t>(best);
    return;
  }

  const float rate = static_cast<float>(1.0 / choice.temperature);
  const auto weight_of = [&](float value) -> unsigned long long {
    // 0 x infinity where the temperature is nearly 0.
    const float power = value == most ? 0.0f : (value - most) * rate;
    return static_cast<unsigned long long>(expf(power) * kUnit);
  };
  uint32_t least = 0;
  unsigned long long above = 0;
  if (choice.top_k > 0 && choice.top_k < v)
    least = threshold(
        x, v, static_cast<unsigned long long>(choice.top_k), [](uint32_t, float) -> unsigned long long { return 1; },
        histogram, above);
  const auto kept_by_k = [&](uint32_t key, float value) { return key >= least ? weight_of(value) : 0ull; };
  // Of the scores that equal the last one that top_p keeps, those with ids from `first_equal` stay.
  uint32_t least_p = 0;
  int64_t first_equal = 0;
  if (choice.top_p < 1.0) {
    unsigned long long mine = 0;
    for (int64_t i = threadIdx.x; i < v; i += kThreads) mine += kept_by_k(key_of(x[i]), x[i]);
    const unsigned long long total = block_sum<kThreads>(mine, totals);
    // A candidate stays if the mass before it is less than p of all: at least one does.
    const auto limit = max(1ull, static_cast<unsigned long long>(ceil(choice.top_p * static_cast<double>(total))));
    least_p = max(least, threshold(x, v, limit, kept_by_k, histogram, above));
    if (threadIdx.x == 0) {
      chosen = 0;
      totals[0] = above;
    }
    __syncthreads();
    // Equals are few but for made-up rows: one warp looks at them from the highest id down.
    if (warp == 0) {
      unsigned long long before = totals[0];
      int64_t last = 0;
      for (int64_t base = (v - 1) / 32 * 32; base >= 0; base -= 32) {
        const int64_t i = base + 31 - lane;
        const bool equal = i < v && key_of(x[i]) == least_p;
        const unsigned equals = __ballot_sync(0xffffffffu, equal);
        if (!equals) continue;
        const unsigned long long weight = __shfl_sync(0xffffffffu, equal ? weight_of(x[i]) : 0ull, __ffs(equals) - 1);
        bool done = false;
        for (unsigned rest = equals; rest; rest &= rest - 1) {
          if (before >= limit) {
            done = true;
            break;
          }
          last = base + 31 - (__ffs(rest) - 1);
          before += weight;
        }
        if (done) break;
      }
      if (lane == 0) chosen = static_cast<int32_t>(last);
    }
    __syncthreads();
    first_equal = chosen;
    __syncthreads();
  }
  const auto least_weight = static_cast<unsigned long long>(ceil(choice.min_p * static_cast<double>(kUnit)));
  const auto kept = [&](int64_t i) -> unsigned long long {
    const float value = x[i];
    const uint32_t key = key_of(value);
    if (key < least || key < least_p || (choice.top_p < 1.0 && key == least_p && i < first_equal)) return 0;
    const unsigned long long weight = weight_of(value);
    return weight >= least_weight ? weight : 0;
  };

  // Each warp adds up a part of the ids; the warp in whose part the draw falls looks closer.
  const int64_t part = (v + kThreads - 1) / kThreads * 32;
  const int64_t begin = warp * part, end = min(v, begin + part);
  unsigned long long mine = 0;
  for (int64_t i = begin + lane; i < end; i += 32) mine += kept(i);
  for (int offset = 16; offset > 0; offset /= 2) mine += __shfl_xor_sync(0xffffffffu, mine, offset);
  __syncthreads();
  if (lane == 0) totals[warp] = mine;
  if (threadIdx.x == 0) chosen = static_cast<int32_t>(best);
  __syncthreads();
  unsigned long long total = 0, before = 0;
  for (int w = 0; w < kWarps; ++w) {
    if (w < warp) before += totals[w];
    total += totals[w];
  }
  const auto drawn = static_cast<unsigned long long>(choice.drawn * static_cast<double>(total));
  if (drawn >= before && drawn < before + mine) {
    for (int64_t base = begin; base < end; base += 32) {
      const int64_t i = base + lane;
      unsigned long long sum = i < end ? kept(i) : 0;
      for (int offset = 1; offset < 32; offset *= 2) {
        const unsigned long long other = __shfl_up_sync(0xffffffffu, sum, offset);
        if (lane >= offset) sum += other;
      }
      const unsigned found = __ballot_sync(0xffffffffu, drawn < before + sum);
      if (found) {
        if (lane == 0) chosen = static_cast<int32_t>(base + __ffs(found) - 1);
        break;
      }
      before += __shfl_sync(0xffffffffu, sum, 31);
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) ids[blockIdx.x] = chosen;
}

}  // namespace

void choose_tokens(Stream& stream, const ChooseTokensArgs& args) {
  constexpr int kChoices = 2;
  GpuStream& gpu = stream.gpu();
  const GpuStream::StagedLists staged(gpu);
  gpu.stage(kChoices, args.choices.data(), args.choices.size_bytes());
  auto* ids = static_cast<int32_t*>(gpu.results(args.ids.size_bytes()));
  choose_tokens_kernel<<<static_cast<unsigned>(args.ids.size()), kThreads, 0, handle(stream)>>>(
      ids, static_cast<const float*>(args.logits.data), args.logits.row_stride, args.logits.columns(),
      static_cast<const TokenChoice*>(gpu.staged(args.choices.data(), args.choices.size_bytes())));
  state_of(stream).launched("choose_tokens_kernel");
  gpu.wait();
  std::memcpy(args.ids.data(), ids, args.ids.size_bytes());
}

}  // namespace saker::cuda
