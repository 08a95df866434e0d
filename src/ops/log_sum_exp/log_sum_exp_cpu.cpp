#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/log_sum_exp/log_sum_exp_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>
#include <limits>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/log_sum_exp/log_sum_exp.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

// Folds step(accumulator, x) over the row in four accumulators; what is short of a vector is filled with `filler`.
template <class Step, class Join>
VecF32 fold(const float* HWY_RESTRICT x, size_t n, VecF32 start, float filler, const Step& step, const Join& join) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  VecF32 a = start, b = start, c = start, e = start;
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = step(a, hn::LoadU(d, x + i));
    b = step(b, hn::LoadU(d, x + i + lanes));
    c = step(c, hn::LoadU(d, x + i + 2 * lanes));
    e = step(e, hn::LoadU(d, x + i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) a = step(a, hn::LoadU(d, x + i));
  if (i < n) b = step(b, hn::IfThenElse(hn::FirstN(d, n - i), load_tail_f32(d, x + i, n - i), hn::Set(d, filler)));
  return join(join(a, b), join(c, e));
}

float log_sum_exp_row(const float* x, size_t n) {
  const F32 d;
  constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
  const auto max = [](VecF32 a, VecF32 b) HWY_ATTR { return hn::Max(a, b); };
  const auto add = [](VecF32 a, VecF32 b) HWY_ATTR { return hn::Add(a, b); };
  const float largest =
      hn::GetLane(hn::MaxOfLanes(d, fold(x, n, hn::Set(d, kMinusInfinity), kMinusInfinity, max, max)));
  // Infinities, and NaN that the maximum shows; a NaN that it hides comes out of the sum.
  if (!std::isfinite(largest)) {
    const VecF32 sum = fold(x, n, hn::Zero(d), 0.0f, add, add);
    return std::isnan(hn::GetLane(hn::SumOfLanes(d, sum))) ? std::numeric_limits<float>::quiet_NaN() : largest;
  }
  const VecF32 shift = hn::Set(d, largest);
  const auto add_exp = [&](VecF32 sum, VecF32 v) HWY_ATTR {
    return hn::Add(sum, hn::IfThenElse(hn::IsNaN(v), v, exp_f32(d, hn::Sub(v, shift))));
  };
  const VecF32 sum = fold(x, n, hn::Zero(d), kMinusInfinity, add_exp, add);
  return largest + std::log(hn::GetLane(hn::SumOfLanes(d, sum)));
}

void log_sum_exp_rows(const LogSumExpArgs& args, int64_t begin, int64_t end) {
  const auto& [y, x] = args;
  for (int64_t row = begin; row < end; ++row)
    y.as<float>()[y.offset(row)] = log_sum_exp_row(x.as<float>() + x.offset(row), static_cast<size_t>(x.columns()));
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(log_sum_exp_rows);

namespace cpu {

void log_sum_exp(Stream& stream, const LogSumExpArgs& args) noexcept {
  parallel_for(stream.threads(), args.x.rows(), 1, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(log_sum_exp_rows)(args, begin, end);
  });
}

}  // namespace cpu
}  // namespace saker
#endif
