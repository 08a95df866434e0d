#include "ops/linear/linear_backward.h"

#include "device/stream_memory.h"
#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void linear_backward(Stream& stream, const LinearBackwardArgs& args) {
  const OpCheck check("linear_backward", stream.backend());
  const int64_t l = args.x.rows(), i = args.x.columns(), o = args.weight.rows();
  check.shape("x", args.x, {l, i});
  check.shape("weight", args.weight, {o, i});
  check.shape("dy", args.dy, {l, o});
  check.trained("x", args.x);
  check.same_type("weight", args.weight, args.x.dtype);
  check.contiguous("weight", args.weight);
  check.handed_on("dy", args.dy, args.x.dtype);
  if (args.dx) {
    check.shape("dx", args.dx, {l, i});
    check.handed_on("dx", args.dx, args.x.dtype);
  }
  if (args.dweight) {
    check.shape("dweight", args.dweight, {o, i});
    check.contiguous("dweight", args.dweight);
    check.activation("dweight", args.dweight);
  }
  if (args.dbias) {
    check.shape("dbias", args.dbias, {o});
    check.activation("dbias", args.dbias);
  }
  if (l == 0 && args.first && args.dweight) zero(stream, args.dweight);
  if (l > 0 && o > 0 && i > 0) stream.ops().linear_backward(stream, args);
}

}  // namespace saker
