// The product with many rows, by oneDNN.
#pragma once

#include "ops/linear/linear.h"

namespace saker::cpu {

// As linear, for any l >= 1. bf16 is multiplied as such where the machine has bf16 instructions; otherwise, and for
// f16, blocks of the weight are widened to f32 in scratch memory first.
void linear_onednn(Stream& stream, const LinearArgs& args);

}  // namespace saker::cpu
