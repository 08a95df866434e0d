// How token-major activations divide into sequences.
//
// A batch is a list of segments, without padding: rows [begin, begin + length) of every [l, ...] activation are
// consecutive tokens of one sequence, whose recurrent state is slot `slot` of the state tensors [s, ...]. Prefill of
// one prompt is one segment; a decode step of b sequences is b segments of length 1.
#pragma once

#include <cstdint>
#include <span>

namespace saker {

// A segment with this slot starts from zero state, and its final state is dropped.
inline constexpr int64_t kNoSlot = -1;

struct Segment {
  int64_t begin = 0;
  int64_t length = 0;
  int64_t slot = kNoSlot;
};

using Segments = std::span<const Segment>;

}  // namespace saker
