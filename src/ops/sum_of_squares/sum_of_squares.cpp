#include "ops/sum_of_squares/sum_of_squares.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void sum_of_squares(Stream& stream, TensorView sum, ConstTensorView x) {
  const OpCheck check("sum_of_squares", stream.backend());
  check.shape("sum", sum, {1});
  check.same_type("sum", sum, DType::f64);
  check.contiguous("x", x);
  check.activation("x", x);
  if (x.shape.elements() > 0) stream.ops().sum_of_squares(stream, {sum, x});
}

}  // namespace saker
