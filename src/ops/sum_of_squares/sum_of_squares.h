// Sum of squares of a tensor, added to a running sum: the square of a gradient's global norm, tensor by tensor.
//
//   sum[0] += sum_i x[i]^2
//
// Shapes    x contiguous, of any shape; sum [1].
// Types     x f32 (f64 on the reference backend); sum f64.
// Result    bitwise independent of the number of threads: blocks of fixed size are added up in double, in order.
//           Infinite or NaN if an element is.
// Errors    invalid_argument if a shape, unsupported if a type differs from the above.
// Cost      4 bytes and 2 FLOPs an element.
#pragma once

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

struct SumOfSquaresArgs {
  TensorView sum;     // [1] f64
  ConstTensorView x;  // any shape
};

void sum_of_squares(Stream& stream, TensorView sum, ConstTensorView x);

namespace reference {
void sum_of_squares(Stream& stream, const SumOfSquaresArgs& args) noexcept;
}
namespace cpu {
void sum_of_squares(Stream& stream, const SumOfSquaresArgs& args);
}
namespace cuda {
void sum_of_squares(Stream& stream, const SumOfSquaresArgs& args);
}

}  // namespace saker
