// What a sequence has held so far, as the penalties need it: how often each token, not in which order. Its size depends
// on the vocabulary and not on the length of the sequence.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace saker {

class TokenHistory {
 public:
  struct Entry {
    int32_t id;
    bool prompted;      // occurs in what was given
    int64_t generated;  // times it was chosen
  };

  // Allocates once, for ids 0 to vocab_size - 1; so does a copy.
  explicit TokenHistory(int64_t vocab_size)
      : place_(static_cast<size_t>(vocab_size), kAbsent), entries_(static_cast<size_t>(vocab_size)) {}

  int64_t vocab_size() const noexcept { return static_cast<int64_t>(place_.size()); }

  // Ids must lie within the vocabulary.
  void add_prompted(int32_t id) { entry(id).prompted = true; }
  void add_generated(int32_t id, int64_t times = 1) { entry(id).generated += times; }

  // Every token that occurs, in the order of first occurrence.
  std::span<const Entry> entries() const noexcept { return std::span(entries_).first(used_); }

 private:
  static constexpr int32_t kAbsent = -1;

  Entry& entry(int32_t id) {
    int32_t& place = place_[static_cast<size_t>(id)];
    if (place == kAbsent) {
      place = static_cast<int32_t>(used_);
      entries_[used_++] = {id, false, 0};
    }
    return entries_[static_cast<size_t>(place)];
  }

  std::vector<int32_t> place_;  // [v]: index into entries_
  std::vector<Entry> entries_;  // [v]: the first used_ of them, rather than a capacity, which copies would lose
  size_t used_ = 0;
};

}  // namespace saker
