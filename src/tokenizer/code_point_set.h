// Small sorted tables of code points, for what the Unicode library cannot tell.
#pragma once

#include <algorithm>
#include <span>

namespace saker::unicode {

struct CodePointRange {
  char32_t first, last;  // both included
};

// `ranges` must be sorted and disjoint.
inline bool contains(std::span<const CodePointRange> ranges, char32_t c) noexcept {
  const auto after = std::ranges::upper_bound(ranges, c, {}, &CodePointRange::first);
  return after != ranges.begin() && c <= std::prev(after)->last;
}

}  // namespace saker::unicode
