// Vector helpers shared by the *_cpu.cpp kernels, over Highway. Compiled once per instruction set: include it after
// hwy/foreach_target.h and hwy/highway.h.
//
// Kernels compute in f32. Storage types are widened by load_f32 and rounded (to nearest even) by store_f32.

// The include guard of Highway's convention: the file is seen once per target.
#if defined(SAKER_DEVICE_CPU_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SAKER_DEVICE_CPU_SIMD_INL_H_
#undef SAKER_DEVICE_CPU_SIMD_INL_H_
#else
#define SAKER_DEVICE_CPU_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

#include "core/dtype.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using VecF32 = hn::Vec<F32>;

HWY_INLINE VecF32 load_f32(F32 d, const float* HWY_RESTRICT from) {
  return hn::LoadU(d, from);
}

HWY_INLINE VecF32 load_f32(F32 d, const BFloat16* HWY_RESTRICT from) {
  const hn::RebindToUnsigned<F32> du32;
  const hn::Rebind<uint16_t, F32> du16;
  const auto halves = hn::LoadU(du16, reinterpret_cast<const uint16_t*>(from));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du32, halves)));
}

HWY_INLINE VecF32 load_f32(F32 d, const Float16* HWY_RESTRICT from) {
#if HWY_ARCH_X86 && HWY_TARGET > HWY_AVX2
  // Without the instruction (F16C, which every AVX2 machine has) Highway's conversion makes a number of infinity and
  // NaN. Lower is better.
  float lanes[hn::MaxLanes(F32())];
  for (size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = static_cast<float>(from[i]);
  return hn::LoadU(d, lanes);
#else
  const hn::Rebind<hwy::float16_t, F32> df16;
  return hn::PromoteTo(d, hn::LoadU(df16, reinterpret_cast<const hwy::float16_t*>(from)));
#endif
}

HWY_INLINE void store_f32(VecF32 v, F32 d, float* HWY_RESTRICT to) {
  hn::StoreU(v, d, to);
}

HWY_INLINE void store_f32(VecF32 v, F32, BFloat16* HWY_RESTRICT to) {
  const hn::RebindToUnsigned<F32> du32;
  const hn::Rebind<uint16_t, F32> du16;
  const auto word = hn::BitCast(du32, v);
  const auto odd = hn::And(hn::ShiftRight<16>(word), hn::Set(du32, 1u));
  const auto rounded = hn::Add(word, hn::Add(odd, hn::Set(du32, 0x7FFFu)));
  const auto quiet = hn::Or(word, hn::Set(du32, 0x00400000u));
  const auto kept = hn::IfThenElse(hn::RebindMask(du32, hn::IsNaN(v)), quiet, rounded);
  hn::StoreU(hn::DemoteTo(du16, hn::BitCast(hn::RebindToSigned<F32>(), hn::ShiftRight<16>(kept))), du16,
             reinterpret_cast<uint16_t*>(to));
}

HWY_INLINE void store_f32(VecF32 v, F32 d, Float16* HWY_RESTRICT to) {
#if HWY_ARCH_X86 && HWY_TARGET > HWY_AVX2
  // Here Highway's conversion truncates.
  float lanes[hn::MaxLanes(F32())];
  hn::StoreU(v, d, lanes);
  for (size_t i = 0; i < hn::Lanes(d); ++i) to[i] = Float16(lanes[i]);
#else
  const hn::Rebind<hwy::float16_t, F32> df16;
  (void)d;
  hn::StoreU(hn::DemoteTo(df16, v), df16, reinterpret_cast<hwy::float16_t*>(to));
#endif
}

// The first `count` < Lanes elements; the other lanes are zero. Reads nothing beyond them.
template <class T>
HWY_INLINE VecF32 load_tail_f32(F32 d, const T* HWY_RESTRICT from, size_t count) {
  T buffer[hn::MaxLanes(F32())] = {};
  std::memcpy(buffer, from, count * sizeof(T));
  return load_f32(d, buffer);
}

template <class T>
HWY_INLINE void store_tail_f32(VecF32 v, F32 d, T* HWY_RESTRICT to, size_t count) {
  T buffer[hn::MaxLanes(F32())];
  store_f32(v, d, buffer);
  std::memcpy(static_cast<void*>(to), buffer, count * sizeof(T));
}

// Loads and stores of one vector of a row, whole or what is left at its end.
struct WholeVector {
  template <class T>
  HWY_INLINE VecF32 load(F32 d, const T* from) const {
    return load_f32(d, from);
  }
  template <class T>
  HWY_INLINE void store(VecF32 v, F32 d, T* to) const {
    store_f32(v, d, to);
  }
};
struct TailVector {
  size_t count;
  template <class T>
  HWY_INLINE VecF32 load(F32 d, const T* from) const {
    return load_tail_f32(d, from, count);
  }
  template <class T>
  HWY_INLINE void store(VecF32 v, F32 d, T* to) const {
    store_tail_f32(v, d, to, count);
  }
};

// body(i, vector) for the elements [begin, end), a vector at a time.
template <class Body>
HWY_INLINE void for_vectors(int64_t begin, int64_t end, const Body& body) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(F32()));
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) body(i, WholeVector{});
  if (i < end) body(i, TailVector{static_cast<size_t>(end - i)});
}

// to[i] += sum_r rows[r, i] for i in [begin, end), rows in ascending order.
inline void add_rows(float* HWY_RESTRICT to, const float* HWY_RESTRICT rows, int64_t count, int64_t stride,
                     int64_t begin, int64_t end) {
  const F32 d;
  for_vectors(begin, end, [&](int64_t i, const auto& vector) HWY_ATTR {
    VecF32 sum = hn::Zero(d);
    for (int64_t r = 0; r < count; ++r) sum = hn::Add(sum, vector.load(d, rows + r * stride + i));
    vector.store(hn::Add(vector.load(d, to + i), sum), d, to + i);
  });
}

// e^x to 1.5 ulp for x in [-87.3, 88.3]; beyond, the value at the border. NaN stays NaN.
// x = n ln 2 + r, |r| <= ln 2 / 2, ln 2 in two parts (Cody and Waite); e^r by the polynomial of Cephes' expf.
HWY_INLINE VecF32 exp_f32(F32 d, VecF32 any) {
  const hn::RebindToSigned<F32> di32;
  const VecF32 x = hn::Min(hn::Set(d, 88.3762626647949f), hn::Max(hn::Set(d, -87.3365478515625f), any));
  const VecF32 n = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504088896341f)));
  VecF32 r = hn::NegMulAdd(n, hn::Set(d, 0.693145751953125f), x);
  r = hn::NegMulAdd(n, hn::Set(d, 1.42860682030941723e-6f), r);
  VecF32 p = hn::Set(d, 1.9875691500e-4f);
  p = hn::MulAdd(p, r, hn::Set(d, 1.3981999507e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 8.3334519073e-3f));
  p = hn::MulAdd(p, r, hn::Set(d, 4.1665795894e-2f));
  p = hn::MulAdd(p, r, hn::Set(d, 1.6666665459e-1f));
  p = hn::MulAdd(p, r, hn::Set(d, 5.0000001201e-1f));
  p = hn::MulAdd(p, hn::Mul(r, r), hn::Add(r, hn::Set(d, 1.0f)));
  const auto exponent = hn::ShiftLeft<23>(hn::ConvertTo(di32, n));
  // Neither Min and Max nor the conversion to an integer keep NaN on every instruction set.
  return hn::IfThenElse(hn::IsNaN(any), any, hn::BitCast(d, hn::Add(hn::BitCast(di32, p), exponent)));
}

// 1 / (1 + e^-x)
HWY_INLINE VecF32 sigmoid_f32(F32 d, VecF32 x) {
  return hn::Div(hn::Set(d, 1.0f), hn::Add(hn::Set(d, 1.0f), exp_f32(d, hn::Neg(x))));
}

// The slope of silu at x, whose sigmoid is `s`: s (1 + x (1 - s)).
HWY_INLINE VecF32 silu_slope_f32(F32 d, VecF32 x, VecF32 s) {
  const VecF32 one = hn::Set(d, 1.0f);
  return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
}

// x / (1 + e^-x)
HWY_INLINE VecF32 silu_f32(F32 d, VecF32 x) {
  return hn::Div(x, hn::Add(hn::Set(d, 1.0f), exp_f32(d, hn::Neg(x))));
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
