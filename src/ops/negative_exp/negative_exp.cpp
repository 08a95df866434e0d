#include "ops/negative_exp/negative_exp.h"

#include <utility>

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void negative_exp(Stream& stream, TensorView y, ConstTensorView x) {
  const OpCheck check("negative_exp", stream.backend());
  check.elements("y", y, x.shape.elements());
  for (const auto& [name, view] : {std::pair("y", ConstTensorView(y)), std::pair("x", x)}) {
    check.contiguous(name, view);
    check.activation(name, view);
  }
  if (x.shape.elements() > 0) stream.ops().negative_exp(stream, {y, x});
}

}  // namespace saker
