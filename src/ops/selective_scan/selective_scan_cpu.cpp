#include "ops/selective_scan/selective_scan.h"

namespace saker::cpu {

void selective_scan(Stream& stream, const SelectiveScanArgs& args) noexcept {
  reference::selective_scan(stream, args);
}

}  // namespace saker::cpu
