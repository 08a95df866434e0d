// Copies and zeros in the order of a stream's other work, wherever its tensors lie. On the CPU they are done when the
// call returns; on a GPU nothing waits.
#pragma once

#include "device/backend.h"
#include "device/gpu.h"
#include "device/tensor.h"

namespace saker {

// Both are contiguous, lie where the stream computes or in (pinned) host memory, and have as many bytes.
void copy(Stream& stream, TensorView to, ConstTensorView from);
// Contiguous, where the stream computes.
void zero(Stream& stream, TensorView view);

// Rows where the stream computes.
void copy_rows(Stream& stream, const Rows& to, const ConstRows& from, size_t width, size_t rows);
void zero_rows(Stream& stream, const Rows& to, size_t width, size_t rows);

}  // namespace saker
