// Which segments the blocks of a scan take: the longest first. A block works through one alone, at a rate that does not
// depend on the others; a long one that begins last would run when all others are done. Segments as packed documents
// have them, up to 8,192 tokens in passes of 131,072: 19% of the backward pass by a simulation of its blocks, 0.3% so.
#pragma once

#include <algorithm>

#include "device/cuda/launch.cuh"
#include "ops/segment.h"

namespace saker::cuda {

// order[i] is the segment that block row i takes: by length, those of one length as they are listed.
static __global__ void __launch_bounds__(128) scan_order_kernel(int32_t* order, const Segment* segments, int count) {
  const int mine = static_cast<int>(blockIdx.x * 128 + threadIdx.x);
  if (mine >= count) return;
  const int64_t length = segments[mine].length;
  int before = 0;
  for (int s = 0; s < count; ++s)
    before += segments[s].length > length || (segments[s].length == length && s < mine) ? 1 : 0;
  order[before] = mine;
}

// Makes the order in `order`, as many elements as segments. Null where they are in it already.
inline const int32_t* longest_first(Stream& stream, Segments segments, const Segment* there, int32_t* order) {
  if (std::ranges::is_sorted(segments, std::ranges::greater(), &Segment::length)) return nullptr;
  const auto count = static_cast<unsigned>(segments.size());
  scan_order_kernel<<<ceil_div(count, 128u), 128, 0, handle(stream)>>>(order, there, static_cast<int>(count));
  return order;
}

}  // namespace saker::cuda
