// Rounds activations to the type of a matrix product's input: y = x.
//
// Shapes    x, y [l, c]. Rows may be slices of wider rows.
// Types     x f32; y f32, bf16 or f16, to nearest even.
// Aliasing  none.
// Errors    invalid_argument if a shape, unsupported if a type differs from the above.
// Cost      l c (4 + size of y) bytes.
#pragma once

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

struct CastArgs {
  TensorView y;       // [l, c]
  ConstTensorView x;  // [l, c]
};

void cast(Stream& stream, TensorView y, ConstTensorView x);

namespace reference {
void cast(Stream& stream, const CastArgs& args) noexcept;
}
namespace cpu {
void cast(Stream& stream, const CastArgs& args) noexcept;
}
namespace cuda {
void cast(Stream& stream, const CastArgs& args);
}

}  // namespace saker
