#include "ops/linear_cross_entropy/linear_cross_entropy.h"

#include <cmath>

#include "device/stream_memory.h"
#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void linear_cross_entropy(Stream& stream, const LinearCrossEntropyArgs& args) {
  const OpCheck check("linear_cross_entropy", stream.backend());
  const int64_t l = args.x.rows(), d = args.x.columns(), v = args.weight.rows();
  check.shape("x", args.x, {l, d});
  check.shape("weight", args.weight, {v, d});
  check.shape("nats", args.nats, {l, 1});
  check.shape("lse", args.lse, {l, 1});
  check.contiguous("weight", args.weight);
  check.same_type("weight", args.weight, args.x.dtype);
  check.activation("nats", args.nats);
  check.activation("lse", args.lse);
  check.that(static_cast<bool>(args.dx) == static_cast<bool>(args.dweight), "both gradients or none",
             args.dx ? "dx alone" : "dweight alone");
  if (args.dx) {
    check.trained("x", args.x);
    check.shape("dx", args.dx, {l, d});
    check.shape("dweight", args.dweight, {v, d});
    check.contiguous("dweight", args.dweight);
    check.activation("dx", args.dx);
    check.activation("dweight", args.dweight);
  } else {
    check.rounded("x", args.x);
  }
  check.that(std::isfinite(args.scale), "a finite scale", args.scale);
  check.that(std::isfinite(args.z_loss), "a finite z_loss", args.z_loss);
  check.that(static_cast<int64_t>(args.labels.size()) == l, "a label for each row", args.labels.size());
  check.ids("labels", args.labels, v, kIgnoredLabel);
  if (l == 0 && args.first && args.dweight) zero(stream, args.dweight);
  if (l > 0 && v > 0 && d > 0) stream.ops().linear_cross_entropy(stream, args);
}

}  // namespace saker
