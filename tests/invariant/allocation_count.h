// Counts what the whole program allocates with operator new, libraries included.
#pragma once

#include <cstdint>

namespace saker {

int64_t allocation_count() noexcept;
int64_t live_allocation_count() noexcept;  // of those, what has not been deleted

}  // namespace saker
