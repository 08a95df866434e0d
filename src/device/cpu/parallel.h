// Static partition of a range over threads.
#pragma once

#include <algorithm>
#include <cstdint>

namespace saker {

// Calls body(part, begin, end) on disjoint ranges that cover [0, count), borders at multiples of `grain`, at most one
// range per thread; `part` counts them from 0 and is below `threads`, so that each can have scratch of its own. Which
// thread takes what is fixed by `threads` and `count`; a kernel whose outputs do not depend on the borders gives the
// same bits for any number of threads. The body does not throw.
template <class Body>
void parallel_parts(int threads, int64_t count, int64_t grain, const Body& body) noexcept {
  const int64_t blocks = (count + grain - 1) / grain;
  const int64_t parts = std::min<int64_t>(threads, blocks);
  if (parts <= 1) {
    if (count > 0) body(int64_t{0}, int64_t{0}, count);
    return;
  }
#pragma omp parallel for num_threads(static_cast <int>(parts)) schedule(static, 1)
  for (int64_t part = 0; part < parts; ++part) {
    const int64_t begin = blocks * part / parts * grain, end = blocks * (part + 1) / parts * grain;
    body(part, begin, std::min(end, count));
  }
}

// The same for bodies that need no scratch: body(begin, end).
template <class Body>
void parallel_for(int threads, int64_t count, int64_t grain, const Body& body) noexcept {
  parallel_parts(threads, count, grain, [&](int64_t, int64_t begin, int64_t end) { body(begin, end); });
}

}  // namespace saker
