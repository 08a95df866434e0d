#include "tokenizer/merge_table.h"

#include <bit>

namespace saker {

MergeTable::MergeTable(size_t count) {
  const size_t size = std::bit_ceil(2 * count + 2);
  entries_.assign(size, {empty, {no_rank, 0}});
  mask_ = size - 1;
  shift_ = 64 - std::countr_zero(size);
}

void MergeTable::set(int32_t left, int32_t right, Merge merge) {
  const uint64_t key = pack(left, right);
  size_t slot = first_slot(key);
  while (entries_[slot].key != empty && entries_[slot].key != key) slot = (slot + 1) & mask_;
  entries_[slot] = {key, merge};
}

}  // namespace saker
