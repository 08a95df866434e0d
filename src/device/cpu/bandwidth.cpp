#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "device/cpu/bandwidth.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "device/buffer.h"
#include "device/cpu/bandwidth.h"
#include "device/cpu/parallel.h"
#include "device/memory.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// `count` is a multiple of kBlock.
float sum(const float* HWY_RESTRICT x, int64_t count) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = hn::Zero(d), c = hn::Zero(d), e = hn::Zero(d);
  for (int64_t i = 0; i < count; i += 4 * lanes) {
    a = hn::Add(a, hn::LoadU(d, x + i));
    b = hn::Add(b, hn::LoadU(d, x + i + lanes));
    c = hn::Add(c, hn::LoadU(d, x + i + 2 * lanes));
    e = hn::Add(e, hn::LoadU(d, x + i + 3 * lanes));
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(sum);

namespace {

constexpr int64_t kBlock = 4096;  // elements; at least four of the longest vectors
constexpr int kPasses = 5;

template <class Pass>
double best_seconds(const Pass& pass) {
  double best = 0.0;
  for (int i = 0; i < kPasses; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    pass();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    best = i == 0 ? seconds.count() : std::min(best, seconds.count());
  }
  return best;
}

}  // namespace

MemoryBandwidth measure_bandwidth(int threads) {
  const int64_t bytes =
      std::clamp<int64_t>(static_cast<int64_t>(available_memory_bytes() / 4), int64_t{64} << 20, int64_t{1} << 30);
  const int64_t count = bytes / int64_t{sizeof(float)} / (2 * kBlock) * (2 * kBlock), half = count / 2;
  Buffer buffer(static_cast<size_t>(count) * sizeof(float));
  float* data = reinterpret_cast<float*>(buffer.data());
  const auto each = [&](int64_t elements, const auto& body) { parallel_for(threads, elements, kBlock, body); };
  each(count, [&](int64_t begin, int64_t end) { std::fill(data + begin, data + end, 1.0f); });

  volatile float kept = 0.0f;  // or the sums would be dropped
  const double read = best_seconds([&] {
    each(count, [&](int64_t begin, int64_t end) { kept = HWY_DYNAMIC_DISPATCH(sum)(data + begin, end - begin); });
  });
  const double copy = best_seconds([&] {
    each(half, [&](int64_t begin, int64_t end) {
      std::memcpy(data + half + begin, data + begin, static_cast<size_t>(end - begin) * sizeof(float));
    });
  });
  const auto total = static_cast<double>(count) * sizeof(float);
  return {total / read, total / copy};
}

}  // namespace saker
#endif
