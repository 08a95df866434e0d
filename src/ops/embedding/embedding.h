// Rows of the embedding table: h[t] = table[ids[t]].
//
// Shapes    ids [l], table [v, d], h [l, d].
// Types     table f32, bf16 or f16; h f32 (exact).
// Errors    invalid_argument if an id is outside [0, v), with its position; shapes and types as above.
// Cost      l d (4 + size of a table element) bytes.
#pragma once

#include <cstdint>
#include <span>

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

struct EmbeddingArgs {
  TensorView h;                  // [l, d]
  ConstTensorView table;         // [v, d]
  std::span<const int32_t> ids;  // [l]
};

void embedding(Stream& stream, TensorView h, ConstTensorView table, std::span<const int32_t> ids);

namespace reference {
void embedding(Stream& stream, const EmbeddingArgs& args) noexcept;
}
namespace cpu {
void embedding(Stream& stream, const EmbeddingArgs& args) noexcept;
}
namespace cuda {
void embedding(Stream& stream, const EmbeddingArgs& args);
}

}  // namespace saker
