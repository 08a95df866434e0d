// What a model must move and compute, from its shapes alone.
#pragma once

#include "model/config.h"
#include "ops/quantize/quantize.h"

namespace saker::apps {

// Of the matrices that a token is multiplied with: all weights but the embedding's rows and the small vectors.
inline int64_t matrix_elements(const ModelConfig& c) {
  const int64_t layer = 2 * c.d_inner * c.d_model + (c.dt_rank + 2 * c.d_state) * c.d_inner + c.d_inner * c.dt_rank +
                        c.d_model * c.d_inner;
  return c.n_layer * layer + c.vocab_size * c.d_model;
}

// Bytes that a decode step of `sequences` sequences moves at least: every matrix in `dtype` and every other weight
// (f32) read once, the states read and written, one row of the embedding per sequence.
inline double decode_step_bytes(const ModelConfig& c, DType dtype, int64_t sequences) {
  const int64_t matrices = matrix_elements(c);
  const int64_t embedding = c.tied_embeddings ? 0 : c.vocab_size * c.d_model;
  const int64_t small = c.parameters() - matrices - embedding;
  const int64_t of_sequence =
      2 * c.state_bytes() + c.d_model * static_cast<int64_t>(is_quantized(dtype) ? 2 : size_of(dtype));
  const auto matrix_bytes = is_quantized(dtype) ? static_cast<int64_t>(quantized_bytes(dtype, 1, matrices))
                                                : matrices * static_cast<int64_t>(size_of(dtype));
  return static_cast<double>(matrix_bytes + small * 4 + sequences * of_sequence);
}

// FLOPs of the matrix products of a token in prefill, without the head, which only the last token needs.
inline double prefill_token_flops(const ModelConfig& c) {
  return 2.0 * static_cast<double>(matrix_elements(c) - c.vocab_size * c.d_model);
}

}  // namespace saker::apps
