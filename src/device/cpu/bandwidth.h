// What the memory of this machine gives, measured: the ceilings that figures of speed are held against.
#pragma once

#include <cstdint>

namespace saker {

// Bytes per second of reading and of copying (bytes read plus bytes written) by `threads` threads, each its own
// contiguous part of a buffer in huge pages, far larger than the caches: a quarter of the memory that is free, 1 GiB at
// most. The best of several passes; takes about a second. Shared machines vary by the minute.
struct MemoryBandwidth {
  double read, copy;
};
MemoryBandwidth measure_bandwidth(int threads);

}  // namespace saker
