// One step of AdamW on a tensor whose moments are kept in 8 bits.
//
// The step is that of adamw.h with the moments as they are decoded; what it makes of them is rounded to codes again
// (moment_code.h, which derives the error), and the parameter moves by the moments before that.
//
// Shapes    parameter (or a split master, as in adamw.h), gradient, rounded, moment1.codes and moment2.codes contiguous
//           and of one number of elements; exponents [blocks], moment_blocks(elements); squared_norm [1].
// Types     parameter, gradient f32; codes and exponents u8; rounded bf16; squared_norm f64. Arithmetic f32.
// Aliasing  none.
// Result    codes and exponents: the same bits on every backend and instruction set, whatever the number of threads; no
//           multiply-add of theirs is fused. The parameter: bitwise independent of the number of threads. Where
//           the norm is no number the parameters become none, and the moments mean nothing.
// Errors    as adamw.
// Cost      16 bytes an element (18 with rounded).
#pragma once

#include <cstdint>

#include "ops/adamw/adamw.h"
#include "ops/adamw/moment_code.h"

namespace saker {

struct MomentView {
  TensorView codes;      // [...] u8
  TensorView exponents;  // [blocks] u8
};

struct Adamw8bitArgs {
  // Without moment1 and moment2.
  AdamwArgs adamw;
  MomentView moment1, moment2;
};

void adamw_8bit(Stream& stream, const Adamw8bitArgs& args);

// What moment_random takes of a step.
uint32_t moment_random_key(int64_t step) noexcept;

// x of element i, on the host.
float decoded_moment(MomentCode code, const MomentView& moment, int64_t i) noexcept;

namespace reference {
void adamw_8bit(Stream& stream, const Adamw8bitArgs& args) noexcept;
}
namespace cpu {
void adamw_8bit(Stream& stream, const Adamw8bitArgs& args) noexcept;
}
namespace cuda {
void adamw_8bit(Stream& stream, const Adamw8bitArgs& args);
}

}  // namespace saker
