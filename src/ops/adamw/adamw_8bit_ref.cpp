#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "ops/adamw/adamw_8bit.h"
#include "ops/adamw/whole_master.h"

namespace saker::reference {

namespace {

// The moments after the step, in f32: what is rounded to codes has to have the same bits everywhere.
struct NewMoments {
  std::vector<float> first, second;
};

NewMoments new_moments(const Adamw8bitArgs& args) {
  const AdamwArgs& step = args.adamw;
  const auto factor = static_cast<float>(adamw_gradient_factor(step));
  const auto keep1 = static_cast<float>(step.beta1), take1 = static_cast<float>(1.0 - step.beta1);
  const auto keep2 = static_cast<float>(step.beta2), take2 = static_cast<float>(1.0 - step.beta2);
  NewMoments out;
  for (int64_t i = 0; i < step.parameter.shape.elements(); ++i) {
    const float g = step.gradient.as<float>()[i] * factor;
    const float squared = g * g;
    out.first.push_back(keep1 * decoded_moment(kFirstMoment, args.moment1, i) + take1 * g);
    out.second.push_back(keep2 * decoded_moment(kSecondMoment, args.moment2, i) + take2 * squared);
  }
  return out;
}

uint32_t magnitude_bits(float x) {
  return std::bit_cast<uint32_t>(std::abs(x));
}

uint32_t exponent_of(std::span<const float> block) {
  uint32_t largest = 0;
  for (const float x : block) largest = std::max(largest, magnitude_bits(x));
  return moment_exponent(largest);
}

uint8_t first_code(float x, float inverse, uint32_t random) {
  const uint32_t bits = encode_moment(kFirstMoment, std::abs(x) * inverse, random & kMomentRandomMask);
  return static_cast<uint8_t>(x < 0.0f && bits > 0 ? bits + kFirstMoment.largest() + 1 : bits);
}

uint8_t second_code(float x, float inverse, uint32_t random) {
  const uint32_t bits = encode_moment(kSecondMoment, x * inverse, random >> (32 - kMomentDroppedBits));
  return static_cast<uint8_t>(x > 0.0f ? std::max(bits, 1u) : bits);
}

// As adamw: from the moments that are not rounded yet.
void move_parameter(const AdamwArgs& step, const NewMoments& moments) {
  const double correction1 = 1.0 - std::pow(step.beta1, static_cast<double>(step.step));
  const double correction2 = 1.0 - std::pow(step.beta2, static_cast<double>(step.step));
  auto* parameter = step.parameter.as<float>();
  for (int64_t i = 0; i < step.parameter.shape.elements(); ++i) {
    const double m = moments.first[static_cast<size_t>(i)], v = moments.second[static_cast<size_t>(i)];
    parameter[i] = static_cast<float>(parameter[i] * (1.0 - step.lr * step.weight_decay) -
                                      step.lr * (m / correction1) / (std::sqrt(v / correction2) + step.eps));
    if (step.rounded) step.rounded.as<BFloat16>()[i] = BFloat16(parameter[i]);
  }
}

}  // namespace

void adamw_8bit(Stream& stream, const Adamw8bitArgs& args) noexcept {
  if (args.adamw.low)
    return reference::adamw_8bit(stream, {WholeMaster(stream, args.adamw).args(), args.moment1, args.moment2});
  const int64_t elements = args.adamw.parameter.shape.elements();
  const uint32_t key = moment_random_key(args.adamw.step);
  const NewMoments moments = new_moments(args);
  move_parameter(args.adamw, moments);
  for (int64_t begin = 0; begin < elements; begin += kMomentBlock) {
    const auto from = static_cast<size_t>(begin), count = static_cast<size_t>(std::min(kMomentBlock, elements - begin));
    const uint32_t exponent1 = exponent_of(std::span(moments.first).subspan(from, count));
    const uint32_t exponent2 = exponent_of(std::span(moments.second).subspan(from, count));
    args.moment1.exponents.as<uint8_t>()[begin / kMomentBlock] = static_cast<uint8_t>(exponent1);
    args.moment2.exponents.as<uint8_t>()[begin / kMomentBlock] = static_cast<uint8_t>(exponent2);
    for (size_t i = from; i < from + count; ++i) {
      const uint32_t random = moment_random(static_cast<uint32_t>(i), key);
      args.moment1.codes.as<uint8_t>()[i] = first_code(moments.first[i], moment_inverse_scale(exponent1), random);
      args.moment2.codes.as<uint8_t>()[i] = second_code(moments.second[i], moment_inverse_scale(exponent2), random);
    }
  }
}

}  // namespace saker::reference
