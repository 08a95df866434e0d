#include "device/backend.h"

namespace saker {

std::string_view name(BackendKind kind) noexcept {
  return kind == BackendKind::reference ? "reference" : "cpu";
}

}  // namespace saker
