#include "ops/pick_columns/pick_columns.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void pick_columns(Stream& stream, TensorView y, ConstTensorView x, std::span<const int32_t> ids) {
  const OpCheck check("pick_columns", stream.backend());
  const auto l = static_cast<int64_t>(ids.size());
  check.shape("x", x, {l, x.columns()});
  check.shape("y", y, {l, 1});
  check.activation("x", x);
  check.same_type("y", y, x.dtype);
  check.ids("ids", ids, x.columns());
  if (l > 0) stream.ops().pick_columns(stream, {y, x, ids});
}

}  // namespace saker
