// One token for each row of logits: steps 4 to 7 of SamplingParams (infer/sampling_params.h), and the draw.
//
//   w[i]   = exp((x[i] - max x) / temperature), of those that top_k, top_p and min_p leave, else 0
//   id     = the first i with sum_{j <= i} w[j] > drawn * sum w;      temperature 0: the lowest i with x[i] = max x
//
// Shapes    logits [l, v], v >= 1; ids and choices [l]. ids are host memory and filled when the call returns: on a
//           GPU it waits for the stream.
// Types     logits f32.
// Result    a row depends on itself and its choice alone. On a GPU, weights are whole multiples of 2^-40 of the largest
//           and are added up exactly, so that the same logits give the same id in any batch; the CPU adds in f64. They
//           can differ where a sum is within 1e-6 of what it is compared with; at temperature 0 never.
// Errors    invalid_argument if a shape or a choice, unsupported if a type differs from the above; corrupt_data for a
//           row with NaN or infinity, or of -infinity alone.
// Cost      4 l v bytes from memory; again from the cache, once to nine times.
#pragma once

#include <cstdint>
#include <span>

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

struct TokenChoice {
  double drawn = 0.0;  // in [0, 1): where in the distribution
  double temperature = 1.0;
  double top_p = 1.0, min_p = 0.0;
  int64_t top_k = 0;
};

// In place of an id: what is wrong with a row.
enum class NoToken : int32_t { nan = -1, infinity = -2, nothing = -3 };

struct ChooseTokensArgs {
  std::span<int32_t> ids;                // [l]
  ConstTensorView logits;                // [l, v]
  std::span<const TokenChoice> choices;  // [l]
};

void choose_tokens(Stream& stream, std::span<int32_t> ids, ConstTensorView logits,
                   std::span<const TokenChoice> choices);

namespace reference {
void choose_tokens(Stream& stream, const ChooseTokensArgs& args);
}
namespace cuda {
void choose_tokens(Stream& stream, const ChooseTokensArgs& args);
}

}  // namespace saker
