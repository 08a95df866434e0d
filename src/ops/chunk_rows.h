// Scratch rows for the chunks into which kernels cut segments.
#pragma once

#include "ops/segment.h"

#ifdef __CUDACC__
#define SAKER_HOST_DEVICE __host__ __device__
#else
#define SAKER_HOST_DEVICE
#endif

namespace saker {

// Segment s of a list, cut into chunks of `tokens` tokens, has the rows from here on, one a chunk. Rows of two segments
// never meet: from s to s + 1 the result grows by at least floor(length / tokens) + 1 >= ceil(length / tokens).
SAKER_HOST_DEVICE inline int64_t first_chunk_row(const Segment& segment, int64_t s, int64_t tokens) {
  return segment.begin / tokens + s;
}
// Of `count` segments of l rows: the last has at most floor(length / tokens) + 1 of them.
inline int64_t chunk_row_count(int64_t l, int64_t count, int64_t tokens) {
  return l / tokens + count;
}

}  // namespace saker
