#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/sum_of_squares/sum_of_squares_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/parallel.h"
#include "ops/sum_of_squares/sum_of_squares.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The squares of f32 are exact in f64. Four accumulators: the addition's latency is about four times its throughput.
double squares_of_block(const float* HWY_RESTRICT x, int64_t count) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> half;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  auto a = hn::Zero(d), b = hn::Zero(d), c = hn::Zero(d), e = hn::Zero(d);
  const auto widened = [&](int64_t i) HWY_ATTR { return hn::PromoteTo(d, hn::LoadU(half, x + i)); };
  int64_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    const auto x0 = widened(i), x1 = widened(i + lanes), x2 = widened(i + 2 * lanes), x3 = widened(i + 3 * lanes);
    a = hn::MulAdd(x0, x0, a);
    b = hn::MulAdd(x1, x1, b);
    c = hn::MulAdd(x2, x2, c);
    e = hn::MulAdd(x3, x3, e);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
  for (; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(squares_of_block);

namespace cpu {

void sum_of_squares(Stream& stream, const SumOfSquaresArgs& args) {
  constexpr int64_t kBlock = 16 * 1024;
  const int64_t count = args.x.shape.elements(), blocks = (count + kBlock - 1) / kBlock;
  auto* partial = static_cast<double*>(stream.scratch(static_cast<size_t>(blocks) * sizeof(double)));
  parallel_for(stream.threads(), blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block)
      partial[block] = HWY_DYNAMIC_DISPATCH(squares_of_block)(args.x.as<float>() + block * kBlock,
                                                              std::min(kBlock, count - block * kBlock));
  });
  double sum = 0.0;
  for (int64_t block = 0; block < blocks; ++block) sum += partial[block];
  *args.sum.as<double>() += sum;
}

}  // namespace cpu
}  // namespace saker
#endif
