// A warp has a block of moments, a lane 8 neighbouring elements of it: their largest magnitudes are a few shuffles, and
// nothing is shared between warps. Codes and exponents are made by the operations of the CPU, none of them fused.
#include "device/cuda/intrinsics.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/adamw/adamw_8bit.h"
#include "ops/adamw/adamw_step.cuh"

namespace saker::cuda {

namespace {

constexpr int kThreads = 256, kEach = 8, kLanes = 32;
static_assert(kEach * kLanes == kMomentBlock);

struct CodedUpdate {
  float* parameter;  // or null: high and low
  union {
    __nv_bfloat16* rounded;  // or null
    uint16_t* high;
  };
  uint16_t* low;
  const float* gradient;
  uint8_t *codes1, *codes2, *exponents1, *exponents2;
  int64_t count;
  uint32_t key;
  AdamwStep step;
};

// A MomentCode's numbers, which device code cannot ask for.
template <uint32_t kExponentBits>
struct Code {
  static constexpr MomentCode kCode{kExponentBits};
  static constexpr uint32_t kOffset = kCode.offset(), kLargest = kCode.largest();
  static constexpr float kSmallest = kCode.smallest_normal(), kStep = kSmallest / 16.0f,
                         kSteps = 16.0f * (1u << kMomentDroppedBits) / kSmallest;
};
using First = Code<kFirstMoment.exponent_bits>;
using Second = Code<kSecondMoment.exponent_bits>;

// decode_moment(), multiplied; `bits` without a sign.
template <class Code>
__device__ __forceinline__ float decoded(uint32_t bits, float scale) {
  const float y = bits < 16 ? __fmul_rn(static_cast<float>(bits), Code::kStep)
                            : __uint_as_float((bits + Code::kOffset) << kMomentDroppedBits);
  return __fmul_rn(y, scale);
}

// encode_moment() of magnitude * inverse.
template <class Code>
__device__ __forceinline__ uint32_t encoded(float magnitude, float inverse, uint32_t random) {
  const float y = __fmul_rn(magnitude, inverse);
  const uint32_t bits = y < Code::kSmallest
                            ? (static_cast<uint32_t>(__fmul_rn(y, Code::kSteps)) + random) >> kMomentDroppedBits
                            : ((__float_as_uint(y) + random) >> kMomentDroppedBits) - Code::kOffset;
  return bits < Code::kLargest ? bits : Code::kLargest;
}

// moment_random().
__device__ __forceinline__ uint32_t random_of(uint32_t index, uint32_t key) {
  uint32_t x = index + key;
  x = (x ^ (x >> 16)) * 0x7FEB352Du;
  x = (x ^ (x >> 15)) * 0x846CA68Bu;
  return x ^ (x >> 16);
}

// moment_exponent(), moment_scale() and moment_inverse_scale().
__device__ __forceinline__ uint32_t exponent_of(uint32_t largest_bits) {
  return min((largest_bits + kMomentRandomMask) >> 23, 253u);
}
__device__ __forceinline__ float scale_of(uint32_t exponent) {
  return __uint_as_float(exponent << 23);
}
__device__ __forceinline__ float inverse_of(uint32_t exponent) {
  return __uint_as_float((254 - exponent) << 23);
}

__device__ __forceinline__ uint32_t warp_largest(uint32_t value) {
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) value = max(value, __shfl_xor_sync(0xffffffffu, value, lane));
  return value;
}

// The elements from `from` on, `count` of them; zeros behind. In one access where all are there and `whole`.
template <class T>
__device__ __forceinline__ Vector<T, kEach> load_each(const T* from, int64_t count, bool whole) {
  constexpr int kPart = sizeof(T) == 4 ? 4 : kEach;
  Vector<T, kEach> to = {};
  if (whole && count >= kEach) {
#pragma unroll
    for (int part = 0; part < kEach; part += kPart) {
      const Vector<T, kPart> loaded = load_vector<kPart>(from + part);
#pragma unroll
      for (int k = 0; k < kPart; ++k) to.at[part + k] = loaded.at[k];
    }
    return to;
  }
#pragma unroll
  for (int k = 0; k < kEach; ++k)
    if (k < count) to.at[k] = from[k];
  return to;
}
template <class T>
__device__ __forceinline__ void store_each(T* to, const Vector<T, kEach>& from, int64_t count, bool whole) {
  constexpr int kPart = sizeof(T) == 4 ? 4 : kEach;
  if (whole && count >= kEach) {
#pragma unroll
    for (int part = 0; part < kEach; part += kPart) {
      Vector<T, kPart> stored;
#pragma unroll
      for (int k = 0; k < kPart; ++k) stored.at[k] = from.at[part + k];
      store_vector(to + part, stored);
    }
    return;
  }
#pragma unroll
  for (int k = 0; k < kEach; ++k)
    if (k < count) to[k] = from.at[k];
}

// Bytes: 16 an element, 18 with `rounded`.
template <bool kSplit>
__global__ void __launch_bounds__(kThreads) adamw_8bit_kernel(const CodedUpdate u, bool whole) {
  __shared__ float shared_factor;
  if (threadIdx.x == 0) shared_factor = gradient_factor(u.step);
  __syncthreads();
  const int lane = threadIdx.x % kLanes;
  const int64_t block = blockIdx.x * int64_t{kThreads / kLanes} + threadIdx.x / kLanes;
  const int64_t i = block * kMomentBlock + lane * kEach, left = u.count - i;
  if (block * kMomentBlock >= u.count) return;  // all lanes of a warp
  const float factor = shared_factor;
  const float scale1 = scale_of(u.exponents1[block]), scale2 = scale_of(u.exponents2[block]);
  Vector<float, kEach> p, m, v;
  if constexpr (kSplit) {
    const auto high = load_each(u.high + i, left, whole), low = load_each(u.low + i, left, whole);
#pragma unroll
    for (int k = 0; k < kEach; ++k) p.at[k] = joined(high.at[k], low.at[k]);
  } else {
    p = load_each(u.parameter + i, left, whole);
  }
  const Vector<float, kEach> g = load_each(u.gradient + i, left, whole);
  Vector<uint8_t, kEach> codes1 = load_each(u.codes1 + i, left, whole), codes2 = load_each(u.codes2 + i, left, whole);
  constexpr uint32_t kSign = First::kLargest + 1;
  uint32_t largest1 = 0, largest2 = 0;
#pragma unroll
  for (int k = 0; k < kEach; ++k) {
    const uint32_t code = codes1.at[k];
    const float magnitude = decoded<First>(code & (kSign - 1), scale1);
    const float old1 = __uint_as_float(__float_as_uint(magnitude) | (code & kSign) << 24);
    const float old2 = decoded<Second>(codes2.at[k], scale2);
    const float scaled = __fmul_rn(g.at[k], factor);
    m.at[k] = __fadd_rn(__fmul_rn(u.step.keep1, old1), __fmul_rn(u.step.take1, scaled));
    v.at[k] = __fadd_rn(__fmul_rn(u.step.keep2, old2), __fmul_rn(u.step.take2, __fmul_rn(scaled, scaled)));
    largest1 = max(largest1, __float_as_uint(fabsf(m.at[k])));
    largest2 = max(largest2, __float_as_uint(fabsf(v.at[k])));
  }
  const uint32_t exponent1 = exponent_of(warp_largest(largest1)), exponent2 = exponent_of(warp_largest(largest2));
  const float inverse1 = inverse_of(exponent1), inverse2 = inverse_of(exponent2);
#pragma unroll
  for (int k = 0; k < kEach; ++k) {
    const uint32_t random = random_of(static_cast<uint32_t>(i + k), u.key);
    const uint32_t code1 = encoded<First>(fabsf(m.at[k]), inverse1, random & kMomentRandomMask);
    codes1.at[k] = static_cast<uint8_t>(m.at[k] < 0.0f && code1 > 0 ? code1 | kSign : code1);
    const uint32_t code2 = encoded<Second>(v.at[k], inverse2, random >> (32 - kMomentDroppedBits));
    codes2.at[k] = static_cast<uint8_t>(v.at[k] > 0.0f ? max(code2, 1u) : code2);
    p.at[k] = moved(p.at[k], m.at[k], v.at[k], u.step);
  }
  if constexpr (kSplit) {
    Vector<uint16_t, kEach> high, low;
#pragma unroll
    for (int k = 0; k < kEach; ++k) high.at[k] = high_half(p.at[k]), low.at[k] = low_half(p.at[k]);
    store_each(u.high + i, high, left, whole);
    store_each(u.low + i, low, left, whole);
  } else {
    store_each(u.parameter + i, p, left, whole);
    Vector<__nv_bfloat16, kEach> rounded;
#pragma unroll
    for (int k = 0; k < kEach; ++k) rounded.at[k] = round_to<__nv_bfloat16>(p.at[k]);
    if (u.rounded) store_each(u.rounded + i, rounded, left, whole);
  }
  store_each(u.codes1 + i, codes1, left, whole);
  store_each(u.codes2 + i, codes2, left, whole);
  if (lane > 0) return;
  u.exponents1[block] = static_cast<uint8_t>(exponent1);
  u.exponents2[block] = static_cast<uint8_t>(exponent2);
}

bool is_aligned(const ConstTensorView& view, size_t bytes) {
  return reinterpret_cast<uintptr_t>(view.data) % bytes == 0;
}

}  // namespace

void adamw_8bit(Stream& stream, const Adamw8bitArgs& args) {
  const auto bytes = [](const TensorView& view) { return static_cast<uint8_t*>(view.data); };
  const CodedUpdate update{.parameter = static_cast<float*>(args.adamw.parameter.data),
                           .rounded = static_cast<__nv_bfloat16*>(args.adamw.rounded.data),
                           .low = static_cast<uint16_t*>(args.adamw.low.data),
                           .gradient = static_cast<const float*>(args.adamw.gradient.data),
                           .codes1 = bytes(args.moment1.codes),
                           .codes2 = bytes(args.moment2.codes),
                           .exponents1 = bytes(args.moment1.exponents),
                           .exponents2 = bytes(args.moment2.exponents),
                           .count = args.adamw.parameter.shape.elements(),
                           .key = moment_random_key(args.adamw.step),
                           .step = adamw_step_of(args.adamw)};
  const bool whole = is_aligned(args.adamw.parameter, 16) && is_aligned(args.adamw.gradient, 16) &&
                     is_aligned(args.adamw.rounded, 16) && is_aligned(args.adamw.low, 16) &&
                     is_aligned(args.moment1.codes, 8) && is_aligned(args.moment2.codes, 8);
  const auto blocks = static_cast<unsigned>(ceil_div(moment_blocks(update.count), kThreads / kLanes));
  auto* const kernel = args.adamw.low ? adamw_8bit_kernel<true> : adamw_8bit_kernel<false>;
  kernel<<<blocks, kThreads, 0, handle(stream)>>>(update, whole);
  state_of(stream).launched("adamw_8bit_kernel");
}

}  // namespace saker::cuda
