// Counts what the whole program allocates with operator new, libraries included.
#pragma once

#include <cstdint>

namespace saker {

int64_t allocation_count() noexcept;

}  // namespace saker
