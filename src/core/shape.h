// Extents of a tensor, outermost first; at most four.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "core/error.h"

namespace saker {

class Shape {
 public:
  static constexpr int kMaxRank = 4;

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) {
    SAKER_ASSERT(extents.size() <= kMaxRank);
    for (int64_t extent : extents) extents_[rank_++] = extent;
  }

  int rank() const noexcept { return rank_; }
  // Negative positions count from the end: [-1] is the innermost extent.
  int64_t operator[](int position) const noexcept { return extents_[position < 0 ? position + rank_ : position]; }
  int64_t elements() const noexcept {
    int64_t product = 1;
    for (int i = 0; i < rank_; ++i) product *= extents_[i];
    return product;
  }
  bool operator==(const Shape& other) const noexcept { return rank_ == other.rank_ && extents_ == other.extents_; }

  // "[2, 16, 96]"
  std::string text() const {
    std::string out = "[";
    for (int i = 0; i < rank_; ++i) out += (i ? ", " : "") + std::to_string(extents_[i]);
    return out + "]";
  }

 private:
  std::array<int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

}  // namespace saker
