#include "ops/embedding/embedding.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void embedding(Stream& stream, TensorView h, ConstTensorView table, std::span<const int32_t> ids) {
  const OpCheck check("embedding", stream.backend());
  const int64_t v = table.rows(), d = table.columns();
  check.shape("table", table, {v, d});
  check.shape("h", h, {static_cast<int64_t>(ids.size()), d});
  check.rounded("table", table);
  check.activation("h", h);
  check.ids("ids", ids, v);
  if (!ids.empty()) stream.ops().embedding(stream, {h, table, ids});
}

}  // namespace saker
