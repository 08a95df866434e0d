// Counter-based random numbers: a value is a pure function of (seed, stream, index), so that draws can be resumed,
// split over threads and repeated on another device. Philox4x32-10: Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace saker {

class Rng {
 public:
  // `stream` separates independent uses of one seed (a tensor's index, a sequence's number).
  explicit Rng(uint64_t seed, uint64_t stream = 0) noexcept : seed_(seed), stream_(stream) {}

  // The four words of block `index`.
  std::array<uint32_t, 4> block(uint64_t index) const noexcept {
    std::array<uint32_t, 4> counter{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
                                    static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)};
    uint32_t key0 = static_cast<uint32_t>(seed_), key1 = static_cast<uint32_t>(seed_ >> 32);
    for (int round = 0; round < 10; ++round) {
      const uint64_t product0 = 0xD2511F53ull * counter[0], product1 = 0xCD9E8D57ull * counter[2];
      counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key0, static_cast<uint32_t>(product1),
                 static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key1, static_cast<uint32_t>(product0)};
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
    }
    return counter;
  }

  // Uniform in [0, 1) with 53 random bits.
  double uniform(uint64_t index) const noexcept {
    const auto words = block(index);
    const uint64_t bits = (static_cast<uint64_t>(words[0]) << 32 | words[1]) >> 11;
    return static_cast<double>(bits) * 0x1p-53;
  }

  // Standard normal (Box and Muller).
  double normal(uint64_t index) const noexcept {
    const auto words = block(index);
    const uint64_t first = (static_cast<uint64_t>(words[0]) << 32 | words[1]) >> 11;
    const uint64_t second = (static_cast<uint64_t>(words[2]) << 32 | words[3]) >> 11;
    const double radius = std::sqrt(-2.0 * std::log(static_cast<double>(first + 1) * 0x1p-53));
    return radius * std::cos(2.0 * std::numbers::pi * static_cast<double>(second) * 0x1p-53);
  }

 private:
  uint64_t seed_;
  uint64_t stream_;
};

}  // namespace saker
