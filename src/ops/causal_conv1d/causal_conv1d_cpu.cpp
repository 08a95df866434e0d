#include "ops/causal_conv1d/causal_conv1d.h"

namespace saker::cpu {

void causal_conv1d(Stream& stream, const CausalConv1dArgs& args) noexcept {
  reference::causal_conv1d(stream, args);
}

}  // namespace saker::cpu
