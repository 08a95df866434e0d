// A pseudo-random order of n things that takes no memory.
#pragma once

#include <bit>
#include <cstdint>

#include "core/rng.h"

namespace saker {

// A bijection of [0, size), a pure function of seed and stream: a Feistel network over the next even number of bits,
// walked until it is back in the range (Black and Rogaway, Ciphers with arbitrary finite domains, 2002).
class Permutation {
 public:
  Permutation(int64_t size, uint64_t seed, uint64_t stream) noexcept
      : rng_(seed, stream), size_(static_cast<uint64_t>(size)), half_bits_((std::bit_width(size_ - 1) + 1) / 2) {}

  // `index` in [0, size).
  int64_t operator()(int64_t index) const noexcept {
    auto value = static_cast<uint64_t>(index);
    do {
      value = shuffled(value);
    } while (value >= size_);
    return static_cast<int64_t>(value);
  }

 private:
  static constexpr int kRounds = 6;

  uint64_t shuffled(uint64_t value) const noexcept {
    const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
    uint64_t left = value >> half_bits_, right = value & mask;
    for (int round = 0; round < kRounds; ++round) {
      const uint64_t mixed = left ^ (rng_.block(right * kRounds + static_cast<uint64_t>(round))[0] & mask);
      left = right;
      right = mixed;
    }
    return left << half_bits_ | right;
  }

  Rng rng_;
  uint64_t size_;
  int half_bits_;
};

}  // namespace saker
