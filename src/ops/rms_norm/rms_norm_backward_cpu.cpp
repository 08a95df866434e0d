// Blocks of rows, of fixed size, make partial sums of dweight; these are added up in order.

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

// weight dy, what reaches the normalised row.
template <class Vector>
HWY_INLINE VecF32 normalised_gradient(F32 d, VecF32 dy, const float* weight, int64_t i, const Vector& vector) {
  return weight ? hn::Mul(vector.load(d, weight + i), dy) : dy;
}

// Row t; adds dy x r to `dweight` if there is one.
void norm_backward_row(const RmsNormBackwardArgs& args, int64_t t, float* HWY_RESTRICT dweight) {
  const F32 d;
  const int64_t columns = args.x.columns();
  const float* x = args.x.as<float>() + args.x.offset(t);
  const float* dy = args.dy.as<float>() + args.dy.offset(t);
  const float* weight = args.weight.as<float>();
  float* dx = args.dx.as<float>() + args.dx.offset(t);

  VecF32 squares = hn::Zero(d), products = hn::Zero(d);
  for_vectors(0, columns, [&](int64_t i, const auto& vector) HWY_ATTR {
    const VecF32 v = vector.load(d, x + i);
    squares = hn::MulAdd(v, v, squares);
    products = hn::MulAdd(v, normalised_gradient(d, vector.load(d, dy + i), weight, i, vector), products);
  });
  const auto count = static_cast<float>(columns);
  const float r = 1.0f / std::sqrt(hn::GetLane(hn::SumOfLanes(d, squares)) / count + static_cast<float>(args.eps));
  const VecF32 scale = hn::Set(d, r);
  const VecF32 share = hn::Set(d, r * r * (hn::GetLane(hn::SumOfLanes(d, products)) / count));

  for_vectors(0, columns, [&](int64_t i, const auto& vector) HWY_ATTR {
    const VecF32 v = vector.load(d, x + i), gradient = vector.load(d, dy + i);
    const VecF32 g = normalised_gradient(d, gradient, weight, i, vector);
    if (dweight) vector.store(hn::MulAdd(hn::Mul(gradient, v), scale, vector.load(d, dweight + i)), d, dweight + i);
    const VecF32 own = hn::Mul(scale, hn::NegMulAdd(v, share, g));
    vector.store(args.accumulate ? hn::Add(vector.load(d, dx + i), own) : own, d, dx + i);
  });
}

// Rows [begin, end) with their sums of dweight [c], or null.
void norm_backward_rows(const RmsNormBackwardArgs& args, int64_t begin, int64_t end, float* dweight) {
  if (dweight) std::memset(dweight, 0, static_cast<size_t>(args.x.columns()) * sizeof(float));
  for (int64_t t = begin; t < end; ++t) norm_backward_row(args, t, dweight);
}

void norm_backward_add(float* dweight, const float* partial, int64_t blocks, int64_t columns) {
  add_rows(dweight, partial, blocks, columns, 0, columns);
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(norm_backward_rows);
HWY_EXPORT(norm_backward_add);

namespace cpu {

void rms_norm_backward(Stream& stream, const RmsNormBackwardArgs& args) {
  constexpr int64_t kBlockRows = 64;
  const int64_t rows = args.x.rows(), columns = args.x.columns(), blocks = (rows + kBlockRows - 1) / kBlockRows;
  float* partial = nullptr;  // [blocks, c]
  if (args.dweight)
    partial = static_cast<float*>(stream.scratch(static_cast<size_t>(blocks * columns) * sizeof(float)));
  parallel_for(stream.threads(), blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) HWY_DYNAMIC_DISPATCH(norm_backward_rows)
    (args, block * kBlockRows, std::min(rows, (block + 1) * kBlockRows), partial ? partial + block * columns : nullptr);
  });
  if (partial) HWY_DYNAMIC_DISPATCH(norm_backward_add)(args.dweight.as<float>(), partial, blocks, columns);
}

}  // namespace cpu
}  // namespace saker
#endif
