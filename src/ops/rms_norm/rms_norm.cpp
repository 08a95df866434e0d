#include "ops/rms_norm/rms_norm.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void rms_norm(Stream& stream, TensorView y, ConstTensorView x, ConstTensorView weight, double eps) {
  const OpCheck check("rms_norm", stream.backend());
  const int64_t l = x.rows(), c = x.columns();
  check.shape("x", x, {l, c});
  check.shape("y", y, {l, c});
  check.activation("x", x);
  if (y.dtype == DType::fp8 && stream.backend().kind != BackendKind::cpu) {
    check.that(c % 8 == 0, "rows of a multiple of 8", c);
    check.contiguous("x", x);
  } else {
    check.rounded("y", y);
  }
  if (weight) {
    check.shape("weight", weight, {c});
    check.activation("weight", weight);
  }
  check.that(eps >= 0.0, "eps >= 0", eps);
  if (l > 0 && c > 0) stream.ops().rms_norm(stream, {y, x, weight, eps});
}

}  // namespace saker
