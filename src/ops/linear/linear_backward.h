// Gradients of a product with a weight matrix, y = x weight^T + bias.
//
//   dx[t, i]       = sum_o dy[t, o] weight[o, i]        (added to dx if accumulate)
//   dweight[o, i] += sum_t dy[t, o] x[t, i]               (set to it if first, whatever dweight held)
//   dbias[o]      += sum_t dy[t, o]
//
// Shapes    dy [l, o], x [l, i], weight [o, i] contiguous, dx [l, i] or empty (not computed), dweight [o, i] or empty,
//           dbias [o] or empty. Rows of dy, x and dx may be slices of wider rows.
// Types     x and weight of one type, f32 or bf16; dweight and dbias f32; dy and dx f32 or, on a GPU and in the
//           reference, of x's type. With bf16, dy of f32 is rounded to bf16 once before both products. Products are
//           summed in f32 or better; dx of bf16 is rounded once, after what it is added to.
// Aliasing  none.
// Result    bitwise independent of the number of threads.
// Errors    invalid_argument if a shape, unsupported if a type differs from the above.
// Cost      4 l o i FLOPs. On a GPU dy of f32 costs 6 bytes an element more for its rounding; dy of bf16 is read as it
//           lies, fast where its rows begin at multiples of 16 bytes.
// Source    model-spec 6.1, 6.3, 6.5, 6.7.
#pragma once

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

struct LinearBackwardArgs {
  TensorView dx = {};       // [l, i] or empty
  TensorView dweight = {};  // [o, i] or empty
  TensorView dbias = {};    // [o] or empty
  ConstTensorView dy;       // [l, o]
  ConstTensorView x;        // [l, i]
  ConstTensorView weight;   // [o, i]
  bool accumulate = false;  // dx
  bool first = false;       // dweight
};

void linear_backward(Stream& stream, const LinearBackwardArgs& args);

namespace reference {
void linear_backward(Stream& stream, const LinearBackwardArgs& args) noexcept;
}
namespace cpu {
void linear_backward(Stream& stream, const LinearBackwardArgs& args);
}
namespace cuda {
void linear_backward(Stream& stream, const LinearBackwardArgs& args);
}

}  // namespace saker
