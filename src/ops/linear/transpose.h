// Gradients as the products that use them want them: in the products' type, by rows and by columns.
#pragma once

#include "device/tensor.h"

namespace saker::cpu {

// The distance between columns of l elements: a cache line more than l, since columns that are a power of two apart
// would all be in a few sets of the caches.
inline int64_t column_stride(int64_t l, DType type) noexcept {
  return l + 64 / static_cast<int64_t>(size_of(type));
}

// x [l, o] f32 (rows may be slices) -> columns [o, l], column_stride apart, in `type` (f32 or bf16), and rows [l, o]
// likewise unless null.
void round_and_transpose(int threads, const ConstTensorView& x, DType type, void* rows, void* columns) noexcept;

// [l, i] in f32 or bf16 (rows may be slices) -> [l, i] f32.
void widen(int threads, const ConstTensorView& x, float* widened) noexcept;

}  // namespace saker::cpu
