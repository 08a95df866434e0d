#include "ops/linear/linear.h"

namespace saker::cpu {

void linear(Stream& stream, const LinearArgs& args) {
  reference::linear(stream, args);
}

}  // namespace saker::cpu
