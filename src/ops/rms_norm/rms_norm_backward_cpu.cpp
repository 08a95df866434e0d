// First the factor r of every row; then dweight, columns divided over the threads and rows added up in their order;
// last dx, rows divided over the threads, since it may take the place of dy.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/rms_norm/rms_norm_backward_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/rms_norm/rms_norm_backward.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {
namespace {

// Whole vectors of a row, then its tail: body(index, load, store).
struct RowPart {
  size_t count;  // lanes in use
  bool whole;
  HWY_INLINE VecF32 load(const float* from) const {
    return whole ? load_f32(F32(), from) : load_tail_f32(F32(), from, count);
  }
  HWY_INLINE void store(VecF32 v, float* to) const {
    whole ? store_f32(v, F32(), to) : store_tail_f32(v, F32(), to, count);
  }
};
template <class Body>
HWY_INLINE void for_row(size_t begin, size_t end, const Body& body) {
  const size_t lanes = hn::Lanes(F32());
  size_t i = begin;
  for (; i + lanes <= end; i += lanes) body(i, RowPart{lanes, true});
  if (i < end) body(i, RowPart{end - i, false});
}

void row_backward(float* dx, const float* dy, const float* x, const float* weight, size_t n, float factor,
                  bool accumulate) {
  const F32 d;
  const VecF32 scale = hn::Set(d, factor);
  const auto normalised = [&](size_t i, const RowPart& part) HWY_ATTR { return hn::Mul(part.load(x + i), scale); };
  const auto g = [&](size_t i, const RowPart& part) HWY_ATTR {
    const VecF32 above = part.load(dy + i);
    return weight ? hn::Mul(part.load(weight + i), above) : above;
  };
  VecF32 products = hn::Zero(d);
  for_row(0, n, [&](size_t i, const RowPart& part) HWY_ATTR {
    products = hn::MulAdd(normalised(i, part), g(i, part), products);
  });
  const VecF32 along = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, products)) / static_cast<float>(n));
  for_row(0, n, [&](size_t i, const RowPart& part) HWY_ATTR {
    VecF32 v = hn::Mul(scale, hn::NegMulAdd(normalised(i, part), along, g(i, part)));
    if (accumulate) v = hn::Add(part.load(dx + i), v);
    part.store(v, dx + i);
  });
}

}  // namespace

void norm_backward_rows(const RmsNormBackwardArgs& args, const float* factors, int64_t begin, int64_t end) {
  const auto& [dx, dweight, dy, x, weight, eps, accumulate] = args;
  for (int64_t row = begin; row < end; ++row)
    row_backward(dx.as<float>() + dx.offset(row), dy.as<float>() + dy.offset(row), x.as<float>() + x.offset(row),
                 weight.as<float>(), static_cast<size_t>(x.columns()), factors[row], accumulate);
}

// dweight[begin, end).
void norm_weight_columns(const RmsNormBackwardArgs& args, const float* factors, int64_t begin, int64_t end) {
  const auto& [dx, dweight, dy, x, weight, eps, accumulate] = args;
  float* sums = dweight.as<float>();
  for (int64_t row = 0; row < x.rows(); ++row) {
    const float *above = dy.as<float>() + dy.offset(row), *from = x.as<float>() + x.offset(row);
    const VecF32 scale = hn::Set(F32(), factors[row]);
    for_row(static_cast<size_t>(begin), static_cast<size_t>(end), [&](size_t i, const RowPart& part) HWY_ATTR {
      part.store(hn::MulAdd(hn::Mul(part.load(from + i), scale), part.load(above + i), part.load(sums + i)), sums + i);
    });
  }
}

void norm_factors(const RmsNormBackwardArgs& args, float* factors, int64_t begin, int64_t end) {
  const F32 d;
  for (int64_t row = begin; row < end; ++row) {
    const float* x = args.x.as<float>() + args.x.offset(row);
    VecF32 squares = hn::Zero(d);
    for_row(0, static_cast<size_t>(args.x.columns()), [&](size_t i, const RowPart& part) HWY_ATTR {
      const VecF32 v = part.load(x + i);
      squares = hn::MulAdd(v, v, squares);
    });
    factors[row] = 1.0f / std::sqrt(hn::GetLane(hn::SumOfLanes(d, squares)) / static_cast<float>(args.x.columns()) +
                                    static_cast<float>(args.eps));
  }
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(norm_factors);
HWY_EXPORT(norm_weight_columns);
HWY_EXPORT(norm_backward_rows);

namespace cpu {

void rms_norm_backward(Stream& stream, const RmsNormBackwardArgs& args) noexcept {
  const int64_t l = args.x.rows();
  auto* factors = static_cast<float*>(stream.scratch(static_cast<size_t>(l) * sizeof(float)));
  parallel_for(stream.threads(), l, 1, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(norm_factors)(args, factors, begin, end);
  });
  if (args.dweight)
    parallel_for(stream.threads(), args.x.columns(), 64, [&](int64_t begin, int64_t end) {
      HWY_DYNAMIC_DISPATCH(norm_weight_columns)(args, factors, begin, end);
    });
  parallel_for(stream.threads(), l, 1, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(norm_backward_rows)(args, factors, begin, end);
  });
}

}  // namespace cpu
}  // namespace saker
#endif
