// Arithmetic of the scan shared by its forward and backward kernels. Compiled once per instruction set: include it
// after hwy/foreach_target.h and hwy/highway.h.

#if defined(SAKER_OPS_SELECTIVE_SCAN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SAKER_OPS_SELECTIVE_SCAN_INL_H_
#undef SAKER_OPS_SELECTIVE_SCAN_INL_H_
#else
#define SAKER_OPS_SELECTIVE_SCAN_INL_H_
#endif

#include "device/cpu/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

// 2^t for t <= 0 to 2 ulp, exact at 0 (2^-126 for t below -126). Adding 1.5 * 2^23 rounds t to an integer in the low
// bits of the sum; 2^f of the rest, |f| <= 1/2, is a minimax polynomial.
HWY_INLINE VecF32 exp2_nonpositive(F32 d, VecF32 t) {
  const hn::RebindToSigned<F32> di32;
  const VecF32 magic = hn::Set(d, 12582912.0f);
  t = hn::Max(hn::Set(d, -126.0f), t);
  const VecF32 shifted = hn::Add(t, magic);
  const VecF32 f = hn::Sub(t, hn::Sub(shifted, magic));
  VecF32 p = hn::Set(d, 1.326472726e-3f);
  p = hn::MulAdd(p, f, hn::Set(d, 9.671512786e-3f));
  p = hn::MulAdd(p, f, hn::Set(d, 5.550733744e-2f));
  p = hn::MulAdd(p, f, hn::Set(d, 2.402224208e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 6.931469776e-1f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0f));
  return hn::BitCast(d, hn::Add(hn::BitCast(di32, p), hn::ShiftLeft<23>(hn::BitCast(di32, shifted))));
}

// log(1 + w) for w in [0, 1]: 2 atanh(w / (2 + w)) by its series, to 1 ulp.
HWY_INLINE VecF32 log1p_unit(F32 d, VecF32 w) {
  const VecF32 s = hn::Div(w, hn::Add(w, hn::Set(d, 2.0f)));
  const VecF32 q = hn::Mul(s, s);
  VecF32 p = hn::Set(d, 2.0f / 15.0f);
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f / 13.0f));
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f / 11.0f));
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f / 9.0f));
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f / 7.0f));
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f / 5.0f));
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f / 3.0f));
  p = hn::MulAdd(p, q, hn::Set(d, 2.0f));
  return hn::Mul(p, s);
}

// log(1 + e^v); v itself above 20, where the two agree to rounding.
HWY_INLINE VecF32 softplus_f32(F32 d, VecF32 v) {
  const VecF32 small = hn::Add(hn::Max(hn::Zero(d), v), log1p_unit(d, exp_f32(d, hn::Neg(hn::Abs(v)))));
  return hn::IfThenElse(hn::Gt(v, hn::Set(d, 20.0f)), v, small);
}

// Its slope: 1 / (1 + e^-v); 1 above 20.
HWY_INLINE VecF32 softplus_slope_f32(F32 d, VecF32 v) {
  return hn::IfThenElse(hn::Gt(v, hn::Set(d, 20.0f)), hn::Set(d, 1.0f), sigmoid_f32(d, v));
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
