#include "ops/adamw/adamw_8bit.h"

#include "core/rng.h"
#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void adamw_8bit(Stream& stream, const Adamw8bitArgs& args) {
  const OpCheck check("adamw_8bit", stream.backend());
  const AdamwArgs& step = args.adamw;
  const int64_t elements = step.parameter.shape.elements();
  check.same_type("parameter", step.parameter, DType::f32);
  check.elements("gradient", step.gradient, elements);
  check.contiguous("gradient", step.gradient);
  check.same_type("gradient", step.gradient, DType::f32);
  for (const auto& [name, moment] : {std::pair("moment1", args.moment1), std::pair("moment2", args.moment2)}) {
    check.elements(name, moment.codes, elements);
    check.contiguous(name, moment.codes);
    check.same_type(name, moment.codes, DType::u8);
    check.shape(name, moment.exponents, {moment_blocks(elements)});
    check.same_type(name, moment.exponents, DType::u8);
  }
  check_adamw_settings(check, step);
  if (elements > 0) stream.ops().adamw_8bit(stream, args);
}

uint32_t moment_random_key(int64_t step) noexcept {
  return Rng(static_cast<uint64_t>(step)).block(0)[0];
}

float decoded_moment(MomentCode code, const MomentView& moment, int64_t i) noexcept {
  const uint32_t bits = moment.codes.as<uint8_t>()[i];
  const float y = decode_moment(code, bits & code.largest());
  const float x = y * moment_scale(moment.exponents.as<uint8_t>()[i / kMomentBlock]);
  return bits > code.largest() ? -x : x;
}

}  // namespace saker
