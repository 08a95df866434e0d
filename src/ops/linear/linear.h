// Product with a weight matrix.
//
//   y[t, o] = sum_i x[t, i] weight[o, i] (+ bias[o]) (+ y[t, o] if accumulate, or + addend[t, o])
//
// Shapes    x [l, i], weight [o, i] contiguous as stored in checkpoints, bias [o] or empty, y and addend [l, o].
//           Rows of x and y may be slices of wider rows.
// Types     x and weight of one type: f32, bf16 or f16; or weight q8, q4 or fp8 (ops/quantize/quantize.h) and x bf16;
//           or, where rounds_to_fp8() says so, x fp8 as well.
//           bias, addend f32. y f32; or, without bias, accumulate and addend, x's 16-bit type, rounded once (not on the
//           CPU backend). Products are summed in f32 or better. A GPU may round code times scale to bf16, or for few
//           rows and weights of q8 and q4 x to 16-bit fixed point; with weights of fp8 and more than
//           kLinearFp8ExactRows rows it may instead round x to fp8 as quantize() does, row by row and within a rounding
//           of f32, and sum as its tensor cores do (docs/numerics.md).
// Aliasing  none.
// Result    bitwise independent of the number of threads. For l <= kLinearRowsBitwise rows also of l: a row's result
//           does not depend on its neighbours. Beyond, to rounding (oneDNN blocks the sums by shape).
// Errors    invalid_argument if a shape, unsupported if a type differs from the above.
// Cost      the weight read once, o i elements, while l is small; 2 l o i FLOPs.
#pragma once

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

// Up to so many rows the CPU uses a kernel of our own that reads the weights as they are stored. oneDNN rearranges
// them first, which pays from about here on.
inline constexpr int64_t kLinearRowsBitwise = 32;

// Up to so many rows x is not rounded for weights of fp8.
inline constexpr int64_t kLinearFp8ExactRows = 8;

// Whether x of `rows` rows is rounded to fp8 for this weight: then it may be given as fp8 instead, its rows as
// quantize() rounds those of a weight.
bool rounds_to_fp8(Stream& stream, const ConstTensorView& weight, int64_t rows);

struct LinearArgs {
  TensorView y;            // [l, o]
  ConstTensorView x;       // [l, i]
  ConstTensorView weight;  // [o, i]
  ConstTensorView bias;    // [o] or empty
  bool accumulate = false;
  ConstTensorView addend = {};  // [l, o] or empty; without accumulate
};

void linear(Stream& stream, TensorView y, ConstTensorView x, ConstTensorView weight, ConstTensorView bias = {},
            bool accumulate = false);
// y = addend + the product: the bits of a copy of addend that is accumulated to, in a pass over y less.
void linear_onto(Stream& stream, TensorView y, ConstTensorView addend, ConstTensorView x, ConstTensorView weight,
                 ConstTensorView bias = {});

namespace reference {
void linear(Stream& stream, const LinearArgs& args) noexcept;
}
namespace cpu {
void linear(Stream& stream, const LinearArgs& args);
}
namespace cuda {
void linear(Stream& stream, const LinearArgs& args);
}

}  // namespace saker
