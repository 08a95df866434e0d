#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/rms_norm/rms_norm_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/rms_norm/rms_norm.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

// Four accumulators: the addition's latency is about four times its throughput.
float sum_of_squares(const float* HWY_RESTRICT x, size_t n) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  VecF32 a = hn::Zero(d), b = hn::Zero(d), c = hn::Zero(d), e = hn::Zero(d);
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const VecF32 x0 = load_f32(d, x + i), x1 = load_f32(d, x + i + lanes);
    const VecF32 x2 = load_f32(d, x + i + 2 * lanes), x3 = load_f32(d, x + i + 3 * lanes);
    a = hn::MulAdd(x0, x0, a);
    b = hn::MulAdd(x1, x1, b);
    c = hn::MulAdd(x2, x2, c);
    e = hn::MulAdd(x3, x3, e);
  }
  for (; i + lanes <= n; i += lanes) {
    const VecF32 v = load_f32(d, x + i);
    a = hn::MulAdd(v, v, a);
  }
  if (i < n) {
    const VecF32 v = load_tail_f32(d, x + i, n - i);
    b = hn::MulAdd(v, v, b);
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e))));
}

template <class Out>
void normalise_row(Out* y, const float* x, const float* HWY_RESTRICT weight, size_t n, double eps) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  const VecF32 scale =
      hn::Set(d, 1.0f / std::sqrt(sum_of_squares(x, n) / static_cast<float>(n) + static_cast<float>(eps)));
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const VecF32 v = hn::Mul(load_f32(d, x + i), scale);
    store_f32(weight ? hn::Mul(load_f32(d, weight + i), v) : v, d, y + i);
  }
  if (i < n) {
    const VecF32 v = hn::Mul(load_tail_f32(d, x + i, n - i), scale);
    store_tail_f32(weight ? hn::Mul(load_tail_f32(d, weight + i, n - i), v) : v, d, y + i, n - i);
  }
}

void rms_norm_rows(const RmsNormArgs& args, int64_t begin, int64_t end) {
  const auto& [y, x, weight, eps] = args;
  const size_t n = static_cast<size_t>(x.columns());
  const float* w = weight.as<float>();
  for (int64_t row = begin; row < end; ++row) {
    const float* from = x.as<float>() + x.offset(row);
    switch (y.dtype) {
      case DType::f32: normalise_row(y.as<float>() + y.offset(row), from, w, n, eps); break;
      case DType::bf16: normalise_row(y.as<BFloat16>() + y.offset(row), from, w, n, eps); break;
      default: normalise_row(y.as<Float16>() + y.offset(row), from, w, n, eps); break;
    }
  }
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(rms_norm_rows);

namespace cpu {

void rms_norm(Stream& stream, const RmsNormArgs& args) noexcept {
  parallel_for(stream.threads(), args.x.rows(), 1, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(rms_norm_rows)(args, begin, end);
  });
}

}  // namespace cpu
}  // namespace saker
#endif
