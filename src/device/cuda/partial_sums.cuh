// Sums over many rows in a fixed order, without atomic additions: the second half of device/row_groups.h.
#pragma once

#include "device/backend.h"
#include "device/row_groups.h"

namespace saker::cuda {

// to[i] += sum of partial[0, i] to partial[count - 1, i]; partial [count, columns].
void add_partial_sums(Stream& stream, float* to, const float* partial, int64_t count, int64_t columns);

}  // namespace saker::cuda
