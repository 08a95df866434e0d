// How GPUs divide sums over many rows: groups of rows make partial sums, which are then added up. The groups depend on
// the number of rows alone, so that two runs give the same bits.
#pragma once

#include <algorithm>
#include <cstdint>

namespace saker {

struct RowGroups {
  int64_t each, count;  // rows of a group; groups
};

// 1,024 groups at most: enough to fill a GPU, and few beside the rows of a training pass.
inline RowGroups row_groups(int64_t rows) {
  constexpr int64_t kMost = 1024;
  const int64_t each = std::max<int64_t>(1, (rows + kMost - 1) / kMost);
  return {each, (rows + each - 1) / each};
}

}  // namespace saker
