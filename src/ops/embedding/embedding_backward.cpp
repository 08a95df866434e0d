#include "ops/embedding/embedding_backward.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void embedding_backward(Stream& stream, TensorView dtable, ConstTensorView dh, std::span<const int32_t> ids) {
  const OpCheck check("embedding_backward", stream.backend());
  const int64_t l = static_cast<int64_t>(ids.size()), v = dtable.rows(), d = dtable.columns();
  check.shape("dtable", dtable, {v, d});
  check.shape("dh", dh, {l, d});
  check.activation("dtable", dtable);
  check.activation("dh", dh);
  check.ids("ids", ids, v);
  if (l > 0 && d > 0) stream.ops().embedding_backward(stream, {dtable, dh, ids});
}

}  // namespace saker
