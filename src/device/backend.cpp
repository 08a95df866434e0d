#include "device/backend.h"

namespace saker {

std::string_view name(BackendKind kind) noexcept {
  switch (kind) {
    case BackendKind::reference: return "reference";
    case BackendKind::cpu: return "cpu";
    case BackendKind::cuda: return "cuda";
  }
  return "";
}

Stream::Stream(const Backend& backend) : backend_(backend) {
  if (backend.kind == BackendKind::cuda) gpu_ = std::make_shared<GpuStream>(backend.gpu);
}

}  // namespace saker
