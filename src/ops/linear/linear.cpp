#include "ops/linear/linear.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void linear(Stream& stream, TensorView y, ConstTensorView x, ConstTensorView weight, ConstTensorView bias,
            bool accumulate) {
  const OpCheck check("linear", stream.backend());
  const int64_t l = x.rows(), i = x.columns(), o = weight.rows();
  check.shape("x", x, {l, i});
  check.shape("weight", weight, {o, i});
  check.shape("y", y, {l, o});
  check.rounded("x", x);
  check.same_type("weight", weight, x.dtype);
  check.contiguous("weight", weight);
  check.activation("y", y);
  if (bias) {
    check.shape("bias", bias, {o});
    check.activation("bias", bias);
  }
  if (l > 0 && o > 0) stream.ops().linear(stream, {y, x, weight, bias, accumulate});
}

}  // namespace saker
