// Main memory of this machine.
#pragma once

#include <cstddef>

namespace saker {

// Bytes that programs can still have without swapping, the page cache given up (MemAvailable, and the limit of a
// control group if lower); 0 if the system does not tell.
size_t available_memory_bytes();

}  // namespace saker
