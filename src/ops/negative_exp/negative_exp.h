// The decay rates of a scan from their logarithms: y = -exp(x).
//
// Shapes    x, y contiguous, of one number of elements.
// Types     f32 (f64 on the reference backend). Computed in f64 and rounded once: A_log as training changes it gives
//           the bits that loading a checkpoint gives.
// Aliasing  none.
// Result    bitwise independent of the number of threads.
// Errors    invalid_argument if a shape, unsupported if a type differs from the above.
// Cost      8 bytes an element.
// Source    model-spec 3.3.
#pragma once

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

struct NegativeExpArgs {
  TensorView y;       // [...]
  ConstTensorView x;  // [...]
};

void negative_exp(Stream& stream, TensorView y, ConstTensorView x);

namespace reference {
void negative_exp(Stream& stream, const NegativeExpArgs& args) noexcept;
}
namespace cpu {
void negative_exp(Stream& stream, const NegativeExpArgs& args) noexcept;
}
namespace cuda {
void negative_exp(Stream& stream, const NegativeExpArgs& args);
}

}  // namespace saker
