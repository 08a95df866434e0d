// Gradient of the embedding table: dtable[ids[t]] += dh[t], in the order of t.
//
// Shapes    ids [l], dtable [v, d], dh [l, d].
// Types     f32.
// Result    bitwise independent of the number of threads.
// Errors    invalid_argument if an id is outside [0, v), with its position; shapes and types as above.
// Cost      12 l d bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

struct EmbeddingBackwardArgs {
  TensorView dtable;             // [v, d]
  ConstTensorView dh;            // [l, d]
  std::span<const int32_t> ids;  // [l]
};

void embedding_backward(Stream& stream, TensorView dtable, ConstTensorView dh, std::span<const int32_t> ids);

// On a GPU rows are sorted by id on the host, into a list (GpuStream::staged) of so many bytes at most. The call does
// not wait for it to travel.
inline size_t embedding_backward_list_bytes(int64_t l) {
  return static_cast<size_t>(l) * 4 * sizeof(int32_t);
}

namespace reference {
void embedding_backward(Stream& stream, const EmbeddingBackwardArgs& args) noexcept;
}
namespace cpu {
void embedding_backward(Stream& stream, const EmbeddingBackwardArgs& args) noexcept;
}
namespace cuda {
void embedding_backward(Stream& stream, const EmbeddingBackwardArgs& args);
}

}  // namespace saker
