#include "ops/log_sum_exp/log_sum_exp.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void log_sum_exp(Stream& stream, TensorView y, ConstTensorView x) {
  const OpCheck check("log_sum_exp", stream.backend());
  const int64_t l = x.shape.rank() == 2 ? x.shape[0] : 0, c = x.columns();
  check.that(c >= 1, "rows of at least one element", c);
  check.shape("x", x, {l, c});
  check.shape("y", y, {l, 1});
  check.activation("x", x);
  check.same_type("y", y, x.dtype);
  if (l > 0) stream.ops().log_sum_exp(stream, {y, x});
}

}  // namespace saker
