#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/cast/cast_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/cast/cast.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

template <class Out>
void cast_row(Out* HWY_RESTRICT y, const float* HWY_RESTRICT x, size_t n) {
  const F32 d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) store_f32(load_f32(d, x + i), d, y + i);
  if (i < n) store_tail_f32(load_tail_f32(d, x + i, n - i), d, y + i, n - i);
}

void cast_rows(const CastArgs& args, int64_t begin, int64_t end) {
  const auto& [y, x] = args;
  const size_t n = static_cast<size_t>(x.columns());
  for (int64_t row = begin; row < end; ++row) {
    const float* from = x.as<float>() + x.offset(row);
    switch (y.dtype) {
      case DType::f32: cast_row(y.as<float>() + y.offset(row), from, n); break;
      case DType::bf16: cast_row(y.as<BFloat16>() + y.offset(row), from, n); break;
      default: cast_row(y.as<Float16>() + y.offset(row), from, n); break;
    }
  }
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(cast_rows);

namespace cpu {

void cast(Stream& stream, const CastArgs& args) noexcept {
  parallel_for(stream.threads(), args.x.rows(), 16, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(cast_rows)(args, begin, end);
  });
}

}  // namespace cpu
}  // namespace saker
#endif
