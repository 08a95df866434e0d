// Normaliser of a softmax over each row.
//
//   y[t] = log(sum_i e^x[t, i])          (log-probability of i: x[t, i] - y[t])
//
// Shapes    x [l, c], c >= 1; y [l, 1]. Rows of x may be slices of wider rows.
// Types     x and y f32. The largest element is taken out before the exponential, so that nothing overflows.
// Aliasing  none.
// Result    bitwise independent of the number of threads and of the other rows. NaN if the row holds one; -infinity if
//           the row is all -infinity.
// Errors    invalid_argument if a shape, unsupported if a type differs from the above.
// Cost      4 l c bytes from memory, then again from the cache; an exponential per element.
#pragma once

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

struct LogSumExpArgs {
  TensorView y;       // [l, 1]
  ConstTensorView x;  // [l, c]
};

void log_sum_exp(Stream& stream, TensorView y, ConstTensorView x);

namespace reference {
void log_sum_exp(Stream& stream, const LogSumExpArgs& args) noexcept;
}
namespace cpu {
void log_sum_exp(Stream& stream, const LogSumExpArgs& args) noexcept;
}
namespace cuda {
void log_sum_exp(Stream& stream, const LogSumExpArgs& args);
}

}  // namespace saker
