// The merges of a BPE model: pair of ids -> rank and id of the product. A flat hash table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace saker {

struct Merge {
  uint32_t rank;  // lower merges first
  int32_t product;
};

inline constexpr uint32_t no_rank = UINT32_MAX;

class MergeTable {
 public:
  // Room for `count` pairs.
  explicit MergeTable(size_t count = 0);

  // A pair that is there already gets the new value, as in the reference library.
  void set(int32_t left, int32_t right, Merge merge);

  // Rank no_rank if the pair does not merge.
  Merge find(int32_t left, int32_t right) const noexcept {
    const uint64_t key = pack(left, right);
    for (size_t slot = first_slot(key);; slot = (slot + 1) & mask_) {
      const Entry& entry = entries_[slot];
      if (entry.key == key) return entry.merge;
      if (entry.key == empty) return {no_rank, 0};
    }
  }

 private:
  struct Entry {
    uint64_t key;
    Merge merge;
  };
  static constexpr uint64_t empty = UINT64_MAX;  // ids are not negative

  static uint64_t pack(int32_t left, int32_t right) noexcept {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  // The multiplier is 2^64 divided by the golden ratio: neighbours spread over the whole table.
  size_t first_slot(uint64_t key) const noexcept { return static_cast<size_t>(key * 0x9E3779B97F4A7C15u >> shift_); }

  std::vector<Entry> entries_;  // a power of two, at most half full
  size_t mask_;
  int shift_;
};

}  // namespace saker
