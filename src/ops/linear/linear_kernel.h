// Our own product, made for few rows where the bytes of the weights are the limit: what an instruction set provides.
#pragma once

#include "ops/linear/linear.h"

namespace saker {

struct LinearRange {
  int64_t begin, end;
};

// x is packed first (linear_block-inl.h has the layout); then any part of y can be computed on its own.
// A sum y[t, o] is made in the same order in any part and beside any neighbours.
// Ranges of rows begin at multiples of kRowsPerGroup.
struct LinearKernel {
  static constexpr int64_t kRowsPerGroup = 8;

  size_t (*packed_bytes)(int64_t l, int64_t i);
  // Rows [begin, end) of x.
  void (*pack)(const ConstTensorView& x, void* packed, int64_t begin, int64_t end);
  void (*product)(const LinearArgs& args, const void* packed, LinearRange rows, LinearRange outputs);
};

// bf16 by the instructions of AVX512_BF16, which multiply pairs without widening them. Null where the machine lacks
// them; the caller knows that it has AVX-512 otherwise.
const LinearKernel* linear_kernel_avx512_bf16();

}  // namespace saker
