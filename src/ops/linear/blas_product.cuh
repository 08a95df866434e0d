// Products of matrices by cuBLASLt, planned once per shape, strides and alignment. They use no scratch memory.
#pragma once

#include "device/cuda/stream_state.cuh"
#include "device/tensor.h"

namespace saker::cuda {

// y [m, n] (+)= left [m, k] right [k, n], or addend + it; either factor may lie transposed, left as [k, m] or right as
// [n, k]. Factors of one type: f32, bf16, f16, or fp8 (ops/linear/fp8_product.cuh); y f32 or of that type. Sums are
// f32, and rounded to y's type once, after what they are added to; f32 is not rounded to TF32. Rows may be slices of
// wider rows.
struct BlasProduct {
  TensorView y;
  ConstTensorView left, right;
  bool left_transposed = false, right_transposed = false;
  bool accumulate = false;
  ConstTensorView addend = {};  // of y's type and strides; without accumulate

  int64_t m() const noexcept { return y.rows(); }
  int64_t n() const noexcept { return y.columns(); }
  int64_t k() const noexcept { return left_transposed ? left.rows() : left.columns(); }
};

// The largest power of two up to 256 that divides the address.
uint32_t alignment_of(const void* data);

const GpuStream::State::Plan& plan_for(GpuStream::State& state, const BlasProduct& product);

// Where cuBLASLt has nothing for a shape or an alignment, by a plain kernel. The same bits in every run on the same
// kind of GPU with the same library.
void blas_product(Stream& stream, const BlasProduct& product);

}  // namespace saker::cuda
