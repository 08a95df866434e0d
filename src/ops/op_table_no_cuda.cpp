#include "ops/op_table.h"

namespace saker {

const OpTable* cuda_op_table() {
  return nullptr;
}

}  // namespace saker
