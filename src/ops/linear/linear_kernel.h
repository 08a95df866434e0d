// The product with few rows, limited by the bytes of the weights: what each instruction set provides.
#pragma once

#include "ops/linear/linear.h"

namespace saker {

// x is packed first (linear_block-inl.h has the layout); then any part of the outputs can be computed on its own.
// A sum y[t, o] is made in the same order in any part and beside any neighbours.
struct LinearKernel {
  size_t (*packed_bytes)(int64_t l, int64_t i);
  void (*pack)(const ConstTensorView& x, void* packed);
  // Outputs [begin, end) of all rows.
  void (*product)(const LinearArgs& args, const void* packed, int64_t begin, int64_t end);
};

// bf16 by the instructions of AVX512_BF16, which multiply pairs without widening them. Null where the machine lacks
// them; the caller knows that it has AVX-512 otherwise.
const LinearKernel* linear_kernel_avx512_bf16();

}  // namespace saker
