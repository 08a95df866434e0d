// The product with many rows, by oneDNN.
#pragma once

#include "ops/linear/linear.h"

namespace saker::cpu {

// As linear, if oneDNN has its blocked routine ("brgemm") for this product: the types f32 and bf16, and a machine with
// AVX-512 (for bf16, with its bf16 instructions). Otherwise does nothing and returns false: the other routines divide
// the sums among the threads, so that the bits depend on their number.
bool linear_onednn(Stream& stream, const LinearArgs& args);

}  // namespace saker::cpu
