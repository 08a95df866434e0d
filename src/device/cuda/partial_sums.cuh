// Sums over many rows in a fixed order, without atomic additions: groups of rows make partial sums, which are then
// added up. How rows are grouped depends on their number alone, so that two runs give the same bits.
#pragma once

#include <algorithm>
#include <cstdint>

#include "device/backend.h"

namespace saker::cuda {

struct RowGroups {
  int64_t each, count;  // rows of a group; groups
};

// 1,024 groups at most: enough to fill a GPU, and few beside the rows of a training pass.
inline RowGroups row_groups(int64_t rows) {
  constexpr int64_t kMost = 1024;
  const int64_t each = std::max<int64_t>(1, (rows + kMost - 1) / kMost);
  return {each, (rows + each - 1) / each};
}

// to[i] += sum of partial[0, i] to partial[count - 1, i]; partial [count, columns].
void add_partial_sums(Stream& stream, float* to, const float* partial, int64_t count, int64_t columns);

}  // namespace saker::cuda
