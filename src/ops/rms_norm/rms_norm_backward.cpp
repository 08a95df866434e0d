#include "ops/rms_norm/rms_norm_backward.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void rms_norm_backward(Stream& stream, const RmsNormBackwardArgs& args) {
  const OpCheck check("rms_norm_backward", stream.backend());
  const int64_t l = args.x.rows(), c = args.x.columns();
  check.shape("x", args.x, {l, c});
  check.shape("dy", args.dy, {l, c});
  check.shape("dx", args.dx, {l, c});
  check.activation("x", args.x);
  check.handed_on("dy", args.dy, DType::bf16);
  check.activation("dx", args.dx);
  if (args.rounded) {
    check.shape("rounded", args.rounded, {l, c});
    check.same_type("rounded", args.rounded, DType::bf16);
    check.not_on_cpu("rounded");
  }
  check.that(static_cast<bool>(args.weight) == static_cast<bool>(args.dweight), "dweight exactly where weight is",
             args.dweight ? "dweight alone" : "weight alone");
  if (args.weight) {
    check.shape("weight", args.weight, {c});
    check.shape("dweight", args.dweight, {c});
    check.activation("weight", args.weight);
    check.activation("dweight", args.dweight);
  }
  check.that(args.eps >= 0.0, "eps >= 0", args.eps);
  if (l > 0 && c > 0) stream.ops().rms_norm_backward(stream, args);
}

}  // namespace saker
