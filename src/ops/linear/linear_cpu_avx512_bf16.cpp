// vdpbf16ps adds the products of 16 pairs of bf16 to 16 f32 sums: twice the arithmetic of f32, and nothing to widen.
// Highway 1.0 does not offer it.

#include "ops/linear/linear_kernel.h"

#include <hwy/highway.h>

#if HWY_ARCH_X86
#include <immintrin.h>

#include <cstring>

// GCC 12 finds fault with its own intrinsics (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if HWY_COMPILER_GCC_ACTUAL
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")
namespace saker {
namespace {

struct Bf16Pairs {
  using Weight = BFloat16;
  using Input = BFloat16;
  using Vector = __m512i;
  using Sums = __m512;
  static constexpr int64_t kRows = 8, kOutputs = 2, kSingleOutputs = 1, kMaxLanes = 16;

  static constexpr int64_t step() { return 32; }
  static constexpr int64_t lanes() { return 16; }

  static HWY_INLINE Vector load(const Weight* from) { return _mm512_loadu_si512(from); }
  static HWY_INLINE Vector load_tail(const Weight* from, size_t count) {
    return _mm512_maskz_loadu_epi16((__mmask32{1} << count) - 1, from);
  }
  static HWY_INLINE Vector load_input(const Input* from) { return _mm512_loadu_si512(from); }
  static HWY_INLINE void pack(Input* to, const Weight* from, int64_t count) {
    _mm512_storeu_si512(to, count == step() ? load(from) : load_tail(from, static_cast<size_t>(count)));
  }

  static HWY_INLINE Sums zero() { return _mm512_setzero_ps(); }
  static HWY_INLINE Sums load_sums(const float* from) { return _mm512_loadu_ps(from); }
  static HWY_INLINE void store_sums(Sums sums, float* to) { _mm512_storeu_ps(to, sums); }
  static HWY_INLINE Sums add(Sums sums, Vector weights, Vector inputs) {
    return _mm512_dpbf16_ps(sums, reinterpret_cast<__m512bh>(weights), reinterpret_cast<__m512bh>(inputs));
  }

  // to[j] = the sum of the lanes of vector j, for `count` vectors `stride` floats apart.
  static void sum_lanes(const float* from, int64_t stride, int64_t count, float* to) {
    for (int64_t j = 0; j < count; j += 16) {
      const auto valid = static_cast<__mmask16>((1u << HWY_MIN(16, count - j)) - 1);
      _mm512_mask_storeu_ps(to + j, valid, sums_of_16(from + j * stride, stride, HWY_MIN(16, count - j)));
    }
  }

 private:
  // The sums of a and of b, each in half of the pairs of every 128 bits.
  static HWY_INLINE Sums fold(Sums a, Sums b) {
    return _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  }
  // From the 128 bits of each of a, b: [a, a, b, b].
  static HWY_INLINE Sums fold_lanes(Sums a, Sums b) {
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD));
  }
  // Four vectors: in each 128 bits one partial sum of each.
  static HWY_INLINE Sums sums_of_4(const Sums* v) {
    const __m512d low = _mm512_castps_pd(fold(v[0], v[1])), high = _mm512_castps_pd(fold(v[2], v[3]));
    return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(low, high)),
                         _mm512_castpd_ps(_mm512_unpackhi_pd(low, high)));
  }
  // A tree in which every vector's lanes meet in the same order, wherever it stands among the sixteen.
  static HWY_INLINE Sums sums_of_16(const float* from, int64_t stride, int64_t count) {
    Sums v[16];
    for (int64_t j = 0; j < 16; ++j) v[j] = j < count ? load_sums(from + j * stride) : zero();
    return fold_lanes(fold_lanes(sums_of_4(v), sums_of_4(v + 4)), fold_lanes(sums_of_4(v + 8), sums_of_4(v + 12)));
  }
};

#include "ops/linear/linear_block-inl.h"

}  // namespace
}  // namespace saker
HWY_POP_ATTRIBUTES
#pragma GCC diagnostic pop

namespace saker {
const LinearKernel* linear_kernel_avx512_bf16() {
  static const bool present = __builtin_cpu_supports("avx512bf16");
  return present ? &kLinearKernel<Bf16Pairs> : nullptr;
}
}  // namespace saker

#else
namespace saker {
const LinearKernel* linear_kernel_avx512_bf16() {
  return nullptr;
}
}  // namespace saker
#endif
