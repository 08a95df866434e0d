#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/linear/transpose_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/linear/transpose.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {
namespace {

constexpr int64_t kTile = 4;  // rows that a pass interleaves

template <class T>
void round_rows(const ConstTensorView& x, T* rows, int64_t begin, int64_t end) {
  const F32 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t t = begin; t < end; ++t) {
    const float* from = x.as<float>() + x.offset(t);
    T* to = rows + t * x.columns();
    int64_t o = 0;
    for (; o + lanes <= x.columns(); o += lanes) store_f32(load_f32(d, from + o), d, to + o);
    for (; o < x.columns(); ++o) to[o] = T(from[o]);
  }
}

// Columns [begin, end) of rows [t, t + 4). Interleaving four vectors twice leaves in each block of four lanes the four
// rows of one column.
template <class T>
HWY_INLINE void transpose_tile(const ConstTensorView& x, T* columns, int64_t apart, int64_t t, int64_t begin,
                               int64_t end) {
  const int64_t stride = x.row_stride;
  const float* from = x.as<float>() + x.offset(t);
  int64_t o = begin;
#if HWY_TARGET != HWY_SCALAR
  const F32 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN_MAX T tile[kTile * hn::MaxLanes(F32())];
  for (; o + lanes <= end; o += lanes) {
    const VecF32 r0 = load_f32(d, from + o), r1 = load_f32(d, from + stride + o);
    const VecF32 r2 = load_f32(d, from + 2 * stride + o), r3 = load_f32(d, from + 3 * stride + o);
    const VecF32 low02 = hn::InterleaveLower(d, r0, r2), high02 = hn::InterleaveUpper(d, r0, r2);
    const VecF32 low13 = hn::InterleaveLower(d, r1, r3), high13 = hn::InterleaveUpper(d, r1, r3);
    store_f32(hn::InterleaveLower(d, low02, low13), d, tile);
    store_f32(hn::InterleaveUpper(d, low02, low13), d, tile + lanes);
    store_f32(hn::InterleaveLower(d, high02, high13), d, tile + 2 * lanes);
    store_f32(hn::InterleaveUpper(d, high02, high13), d, tile + 3 * lanes);
    for (int64_t block = 0; block < lanes; block += kTile)
      for (int64_t i = 0; i < kTile; ++i)
        std::memcpy(static_cast<void*>(columns + (o + block + i) * apart + t), tile + i * lanes + block,
                    kTile * sizeof(T));
  }
#endif
  for (; o < end; ++o)
    for (int64_t i = 0; i < kTile; ++i) columns[o * apart + t + i] = T(from[i * stride + o]);
}

template <class T>
void transpose_typed(const ConstTensorView& x, DType type, void* rows, void* columns, int64_t begin, int64_t end) {
  // A cache line of a column is written at once: as many rows as fill it, for a strip of columns.
  constexpr int64_t kRows = 64 / static_cast<int64_t>(sizeof(T)), kStrip = 256;
  const int64_t apart = cpu::column_stride(x.rows(), type);
  auto* to = static_cast<T*>(columns);
  if (rows) round_rows(x, static_cast<T*>(rows), begin, end);
  for (int64_t t0 = begin; t0 < end; t0 += kRows) {
    const int64_t t1 = HWY_MIN(t0 + kRows, end);
    for (int64_t o = 0; o < x.columns(); o += kStrip) {
      const int64_t o1 = HWY_MIN(o + kStrip, x.columns());
      int64_t t = t0;
      for (; t + kTile <= t1; t += kTile) transpose_tile(x, to, apart, t, o, o1);
      for (; t < t1; ++t)
        for (int64_t i = o; i < o1; ++i) to[i * apart + t] = T(x.as<float>()[x.offset(t, i)]);
    }
  }
}

void transpose_rows(const ConstTensorView& x, DType type, void* rows, void* columns, int64_t begin, int64_t end) {
  if (type == DType::bf16) return transpose_typed<BFloat16>(x, type, rows, columns, begin, end);
  return transpose_typed<float>(x, type, rows, columns, begin, end);
}

}  // namespace
}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker::cpu {

namespace {
HWY_EXPORT(transpose_rows);
}

void round_and_transpose(int threads, const ConstTensorView& x, DType type, void* rows, void* columns) noexcept {
  parallel_for(threads, x.rows(), 64, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(transpose_rows)(x, type, rows, columns, begin, end);
  });
}

void widen(int threads, const ConstTensorView& x, float* widened) noexcept {
  parallel_for(threads, x.rows(), 16, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      convert_elements(widened + t * x.columns(), DType::f32,
                       x.as<std::byte>() + x.offset(t) * static_cast<int64_t>(size_of(x.dtype)), x.dtype, x.columns());
  });
}

}  // namespace saker::cpu
#endif
