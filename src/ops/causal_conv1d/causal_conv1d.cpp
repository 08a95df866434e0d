#include "ops/causal_conv1d/causal_conv1d.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void causal_conv1d(Stream& stream, TensorView u, TensorView state, ConstTensorView x, ConstTensorView weight,
                   ConstTensorView bias, Segments segments) {
  const OpCheck check("causal_conv1d", stream.backend());
  const int64_t l = x.rows(), e = x.columns(), k = weight.rows(), s = state.shape[0];
  check.shape("x", x, {l, e});
  check.shape("u", u, {l, e});
  check.shape("weight", weight, {k, e});
  check.that(k >= 2 && k <= 8, "2 to 8 taps", k);
  check.shape("state", state, {s, k - 1, e});
  check.rounded("u", u);
  check.handed_on("x", x, u.dtype);
  check.activation("weight", weight);
  check.activation("state", state);
  check.contiguous("weight", weight);
  check.contiguous("state", state);
  if (bias) {
    check.shape("bias", bias, {e});
    check.activation("bias", bias);
  }
  check.segments(segments, l, s);
  if (e > 0) stream.ops().causal_conv1d(stream, {u, state, x, weight, bias, segments});
}

}  // namespace saker
