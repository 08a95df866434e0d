#include "ops/cast/cast.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void cast(Stream& stream, TensorView y, ConstTensorView x) {
  const OpCheck check("cast", stream.backend());
  const int64_t l = x.rows(), c = x.columns();
  check.shape("x", x, {l, c});
  check.shape("y", y, {l, c});
  check.activation("x", x);
  check.rounded("y", y);
  if (l > 0 && c > 0) stream.ops().cast(stream, {y, x});
}

}  // namespace saker
