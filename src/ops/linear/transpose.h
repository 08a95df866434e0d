// Gradients as the products that use them want them: in the products' type, by rows and by columns.
#pragma once

#include "device/tensor.h"

namespace saker::cpu {

// x [l, o] f32 (rows may be slices) -> columns [o, l] in `type` (f32 or bf16), and rows [l, o] likewise unless null.
void round_and_transpose(int threads, const ConstTensorView& x, DType type, void* rows, void* columns) noexcept;

// [l, i] in f32 or bf16 (rows may be slices) -> [l, i] f32.
void widen(int threads, const ConstTensorView& x, float* widened) noexcept;

}  // namespace saker::cpu
