#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/adamw/adamw_8bit_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/adamw/adamw_8bit.h"
#include "ops/adamw/whole_master.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

using U32 = hn::RebindToUnsigned<F32>;
using VecU32 = hn::Vec<U32>;

constexpr size_t kPadded = kMomentBlock + hn::MaxLanes(F32());

// A block of one moment: codes as they are kept, and numbers. Both are read and written in whole vectors.
struct MomentOfBlock {
  alignas(64) uint8_t codes[kPadded] = {};
  alignas(64) float values[kPadded];
};

// |x| of codes without their signs.
HWY_INLINE VecF32 decode(F32 d, MomentCode code, VecU32 bits, float scale) {
  const U32 du;
  const VecF32 below = hn::Mul(hn::ConvertTo(d, hn::BitCast(hn::RebindToSigned<F32>(), bits)),
                               hn::Set(d, code.smallest_normal() / 16.0f));
  const VecF32 normal = hn::BitCast(d, hn::ShiftLeft<kMomentDroppedBits>(hn::Add(bits, hn::Set(du, code.offset()))));
  const auto is_below = hn::RebindMask(d, hn::Lt(bits, hn::Set(du, 16u)));
  return hn::Mul(hn::IfThenElse(is_below, below, normal), hn::Set(d, scale));
}

// Of |x|; `random` below 2^19.
HWY_INLINE VecU32 encode(F32 d, MomentCode code, VecF32 magnitude, float inverse, VecU32 random) {
  const U32 du;
  const VecF32 y = hn::Mul(magnitude, hn::Set(d, inverse));
  const VecF32 smallest = hn::Set(d, code.smallest_normal());
  // The lanes of normal numbers are beyond it, and not used.
  const VecF32 steps =
      hn::Mul(hn::Min(y, smallest), hn::Set(d, 16.0f * (1u << kMomentDroppedBits) / code.smallest_normal()));
  const VecU32 whole = hn::BitCast(du, hn::ConvertTo(hn::RebindToSigned<F32>(), steps));
  const VecU32 below = hn::ShiftRight<kMomentDroppedBits>(hn::Add(whole, random));
  const VecU32 normal =
      hn::Sub(hn::ShiftRight<kMomentDroppedBits>(hn::Add(hn::BitCast(du, y), random)), hn::Set(du, code.offset()));
  const VecU32 bits = hn::IfThenElse(hn::RebindMask(du, hn::Lt(y, smallest)), below, normal);
  return hn::Min(bits, hn::Set(du, code.largest()));
}

// moment_random of elements `index` and those that follow.
HWY_INLINE VecU32 random_bits(uint32_t index, uint32_t key) {
  const U32 du;
  VecU32 x = hn::Iota(du, index + key);
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<16>(x)), hn::Set(du, 0x7FEB352Du));
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<15>(x)), hn::Set(du, 0x846CA68Bu));
  return hn::Xor(x, hn::ShiftRight<16>(x));
}

HWY_INLINE VecU32 load_codes(const uint8_t* from) {
  const hn::Rebind<uint8_t, F32> du8;
  return hn::PromoteTo(U32(), hn::LoadU(du8, from));
}

HWY_INLINE void store_codes(VecU32 bits, uint8_t* to) {
  const hn::Rebind<uint8_t, F32> du8;
  hn::StoreU(hn::DemoteTo(du8, hn::BitCast(hn::RebindToSigned<F32>(), bits)), du8, to);
}

// What is common to all elements, in double and rounded once.
struct StepConstants {
  explicit StepConstants(const AdamwArgs& args)
      : factor(static_cast<float>(adamw_gradient_factor(args))),
        keep1(static_cast<float>(args.beta1)),
        take1(static_cast<float>(1.0 - args.beta1)),
        keep2(static_cast<float>(args.beta2)),
        take2(static_cast<float>(1.0 - args.beta2)),
        rate(static_cast<float>(args.lr / (1.0 - std::pow(args.beta1, static_cast<double>(args.step))))),
        correction2(static_cast<float>(1.0 / (1.0 - std::pow(args.beta2, static_cast<double>(args.step))))),
        eps(static_cast<float>(args.eps)),
        decay(static_cast<float>(args.lr * args.weight_decay)) {}

  float factor, keep1, take1, keep2, take2, rate, correction2, eps, decay;
};

// The lanes after the last element are zero, and stay so: they do not take part in the largest.
HWY_INLINE void read_codes(const uint8_t* from, int64_t count, MomentOfBlock& to) {
  std::memcpy(to.codes, from, static_cast<size_t>(count));
  std::memset(to.codes + count, 0, kPadded - static_cast<size_t>(count));
}

// Elements [begin, begin + count) of the tensor: decodes the moments, makes the step, and leaves the new ones in
// `values`, with the bits of the largest of each.
void step_block(const AdamwArgs& args, const StepConstants& at, int64_t begin, int64_t count, float scale1,
                float scale2, MomentOfBlock& first, MomentOfBlock& second, uint32_t largest[2]) {
  const F32 d;
  const U32 du;
  VecU32 largest1 = hn::Zero(du), largest2 = hn::Zero(du);
  auto* parameter = args.parameter.as<float>() + begin;
  auto* rounded = args.rounded ? args.rounded.as<BFloat16>() + begin : nullptr;
  const auto* gradient = args.gradient.as<float>() + begin;
  for_vectors(0, count, [&](int64_t i, const auto& vector) HWY_ATTR {
    const VecU32 code1 = load_codes(first.codes + i);
    const VecU32 sign = hn::ShiftLeft<24>(hn::And(code1, hn::Set(du, kFirstMoment.largest() + 1)));
    const VecF32 magnitude1 = decode(d, kFirstMoment, hn::And(code1, hn::Set(du, kFirstMoment.largest())), scale1);
    const VecF32 old1 = hn::BitCast(d, hn::Or(hn::BitCast(du, magnitude1), sign));
    const VecF32 old2 = decode(d, kSecondMoment, load_codes(second.codes + i), scale2);
    const VecF32 g = hn::Mul(vector.load(d, gradient + i), hn::Set(d, at.factor));
    // Not fused: these bits are the same everywhere.
    const VecF32 m = hn::Add(hn::Mul(hn::Set(d, at.keep1), old1), hn::Mul(hn::Set(d, at.take1), g));
    const VecF32 v = hn::Add(hn::Mul(hn::Set(d, at.keep2), old2), hn::Mul(hn::Set(d, at.take2), hn::Mul(g, g)));
    largest1 = hn::Max(largest1, hn::BitCast(du, hn::Abs(m)));
    largest2 = hn::Max(largest2, hn::BitCast(du, hn::Abs(v)));
    hn::StoreU(m, d, first.values + i);
    hn::StoreU(v, d, second.values + i);
    const VecF32 root = hn::Sqrt(hn::Mul(v, hn::Set(d, at.correction2)));
    const VecF32 ratio = hn::Div(hn::Mul(hn::Set(d, at.rate), m), hn::Add(root, hn::Set(d, at.eps)));
    const VecF32 old = vector.load(d, parameter + i);
    // As in adamw: p is rounded once.
    const VecF32 p = hn::Sub(old, hn::MulAdd(hn::Set(d, at.decay), old, ratio));
    vector.store(p, d, parameter + i);
    if (rounded) vector.store(p, d, rounded + i);
  });
  largest[0] = hn::GetLane(hn::MaxOfLanes(du, largest1));
  largest[1] = hn::GetLane(hn::MaxOfLanes(du, largest2));
}

// Values to codes; `begin` is the first element's index in the tensor.
void encode_block(int64_t begin, int64_t count, uint32_t key, float inverse1, float inverse2, MomentOfBlock& first,
                  MomentOfBlock& second) {
  const F32 d;
  const U32 du;
  const VecU32 one = hn::Set(du, 1u);
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
    const VecU32 random = random_bits(static_cast<uint32_t>(begin + i), key);
    const VecF32 m = hn::LoadU(d, first.values + i), v = hn::LoadU(d, second.values + i);
    const VecU32 code1 = encode(d, kFirstMoment, hn::Abs(m), inverse1, hn::And(random, hn::Set(du, kMomentRandomMask)));
    const auto negative = hn::And(hn::Lt(m, hn::Zero(d)), hn::RebindMask(d, hn::Gt(code1, hn::Zero(du))));
    const VecU32 sign = hn::IfThenElseZero(hn::RebindMask(du, negative), hn::Set(du, kFirstMoment.largest() + 1));
    store_codes(hn::Or(code1, sign), first.codes + i);
    const VecU32 code2 = encode(d, kSecondMoment, v, inverse2, hn::ShiftRight<32 - kMomentDroppedBits>(random));
    const auto positive = hn::RebindMask(du, hn::Gt(v, hn::Zero(d)));
    store_codes(hn::IfThenElse(positive, hn::Max(code2, one), code2), second.codes + i);
  }
}

void adamw_8bit_blocks(const Adamw8bitArgs& args, uint32_t key, int64_t first_block, int64_t end_block) {
  const StepConstants constants(args.adamw);
  const int64_t elements = args.adamw.parameter.shape.elements();
  auto *codes1 = args.moment1.codes.as<uint8_t>(), *codes2 = args.moment2.codes.as<uint8_t>();
  auto *exponents1 = args.moment1.exponents.as<uint8_t>(), *exponents2 = args.moment2.exponents.as<uint8_t>();
  MomentOfBlock first, second;
  for (int64_t block = first_block; block < end_block; ++block) {
    const int64_t begin = block * kMomentBlock, count = std::min(kMomentBlock, elements - begin);
    read_codes(codes1 + begin, count, first);
    read_codes(codes2 + begin, count, second);
    uint32_t largest[2];
    step_block(args.adamw, constants, begin, count, moment_scale(exponents1[block]), moment_scale(exponents2[block]),
               first, second, largest);
    const uint32_t exponent1 = moment_exponent(largest[0]), exponent2 = moment_exponent(largest[1]);
    encode_block(begin, count, key, moment_inverse_scale(exponent1), moment_inverse_scale(exponent2), first, second);
    exponents1[block] = static_cast<uint8_t>(exponent1);
    exponents2[block] = static_cast<uint8_t>(exponent2);
    std::memcpy(codes1 + begin, first.codes, static_cast<size_t>(count));
    std::memcpy(codes2 + begin, second.codes, static_cast<size_t>(count));
  }
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(adamw_8bit_blocks);

namespace cpu {

void adamw_8bit(Stream& stream, const Adamw8bitArgs& args) noexcept {
  if (args.adamw.low)
    return cpu::adamw_8bit(stream, {WholeMaster(stream, args.adamw).args(), args.moment1, args.moment2});
  const uint32_t key = moment_random_key(args.adamw.step);
  const int64_t blocks = moment_blocks(args.adamw.parameter.shape.elements());
  parallel_for(stream.threads(), blocks, 4, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(adamw_8bit_blocks)(args, key, begin, end);
  });
}

}  // namespace cpu
}  // namespace saker
#endif
