// Moments of AdamW in 8 bits: small floating-point numbers that share an exponent within a block.
//
// A block is 256 neighbours of a tensor in the layout of computation, the last one what is left. Its exponent e is a
// byte, 2^(e - 127) <= M < 2^(e - 126) of the largest magnitude M in it but that M of 1.9375 2^(e - 127) and more has
// the next one: every code can be rounded up. An element is x = 2^(e - 127) y with |y| <= 1.9375, and y
//
//   first moment   sign, 3 bits of exponent, 4 of fraction: +-(1 + f / 16) 2^(c - 7), c = 1 ... 7, or +-(f / 16) 2^-6
//   second moment  4 bits of exponent, 4 of fraction:          (1 + f / 16) 2^(c - 15), c = 1 ... 15, or (f / 16) 2^-14
//
// Rounding is to one of the two neighbours, up with the probability of the position between them (19 random bits, a
// pure function of the element's index and of the step). A second moment that is not 0 does not become 0: it divides.
//
// Error     of a rounding of x, with M as above:
//             mean       0 (to 2^-19 of a step between codes); a second moment below 2^-18 M is kept at 2^-18 M,
//                        so that its parameter moves by less
//             magnitude  < |x| / 16 where |x| >= 2^-6 M (second: 2^-14 M), else < 2^-10 M (2^-18 M)
//             deviation  <= |x| / 32, 0.018 |x| in the mean over positions between codes and fractions
//           A moment that is rounded at every step, x <- b x + ..., gathers 1 / sqrt(1 - b^2) times the deviation: 4%
//           of the first with b = 0.9; 6% of the second with b = 0.95, 3% of its root. A second moment is by itself a
//           mean of squares with a deviation of sqrt(2 (1 - b) / (1 + b)) = 23%. Rounding to nearest instead would not
//           add noise, but keep a second moment where it is while g^2 is within 0.4 and 1.6 of it.
// Source    blocks and the separate treatment of the moments: Dettmers, Lewis, Shleifer, Zettlemoyer 2022, "8-bit
//           optimizers via block-wise quantization", with a code of its own; shared exponents as in OCP microscaling
//           formats 1.0; stochastic rounding as Gupta et al. 2015.
#pragma once

#include <bit>
#include <cstdint>

namespace saker {

inline constexpr int64_t kMomentBlock = 256;

constexpr int64_t moment_blocks(int64_t elements) noexcept {
  return (elements + kMomentBlock - 1) / kMomentBlock;
}

// The two codes differ in the bits of their exponents alone.
struct MomentCode {
  uint32_t exponent_bits;  // 3: first moment, 4: second

  // Of 2^(c - bias): c = 1 ... 2^bits - 1 gives 2^0 at the top.
  constexpr uint32_t bias() const noexcept { return (1u << exponent_bits) - 1; }
  constexpr uint32_t largest() const noexcept { return (16u << exponent_bits) - 1; }
  // What the bits of an f32 have over those of a code, after a shift by 19.
  constexpr uint32_t offset() const noexcept { return (127 - bias()) << 4; }
  // y below it is (f / 16) times it.
  constexpr float smallest_normal() const noexcept { return std::bit_cast<float>((128 - bias()) << 23); }
};
inline constexpr MomentCode kFirstMoment{3}, kSecondMoment{4};
inline constexpr uint32_t kMomentDroppedBits = 19, kMomentRandomMask = (1u << kMomentDroppedBits) - 1;

// The exponent of a block, from the bits of its largest magnitude (f32). Capped, so that 2^(127 - e) is a normal
// number, where only what is infinite or no number gets.
constexpr uint32_t moment_exponent(uint32_t largest_bits) noexcept {
  const uint32_t exponent = (largest_bits + kMomentRandomMask) >> 23;
  return exponent < 253 ? exponent : 253;
}
// 2^(e - 127), 0 for e = 0: what decoded numbers are multiplied with; and 2^(127 - e), what encoded ones are.
constexpr float moment_scale(uint32_t exponent) noexcept {
  return std::bit_cast<float>(exponent << 23);
}
constexpr float moment_inverse_scale(uint32_t exponent) noexcept {
  return std::bit_cast<float>((254 - exponent) << 23);
}

// y >= 0 of a code without its sign.
constexpr float decode_moment(MomentCode code, uint32_t bits) noexcept {
  if (bits < 16) return static_cast<float>(bits) * (code.smallest_normal() / 16.0f);
  return std::bit_cast<float>((bits + code.offset()) << kMomentDroppedBits);
}
// And back; `random` below 2^19.
constexpr uint32_t encode_moment(MomentCode code, float y, uint32_t random) noexcept {
  const float steps = y * (16.0f * (1u << kMomentDroppedBits) / code.smallest_normal());
  const uint32_t bits = y < code.smallest_normal()
                            ? (static_cast<uint32_t>(steps) + random) >> kMomentDroppedBits
                            : ((std::bit_cast<uint32_t>(y) + random) >> kMomentDroppedBits) - code.offset();
  return bits < code.largest() ? bits : code.largest();
}

// 32 random bits for element `index` of a step: the first moment takes the lowest 19 of them, the second the highest.
// The finalizer "lowbias32" of C. Wellons; `key` differs from step to step.
constexpr uint32_t moment_random(uint32_t index, uint32_t key) noexcept {
  uint32_t x = index + key;
  x = (x ^ (x >> 16)) * 0x7FEB352Du;
  x = (x ^ (x >> 15)) * 0x846CA68Bu;
  return x ^ (x >> 16);
}

}  // namespace saker
