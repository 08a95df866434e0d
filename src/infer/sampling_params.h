// How the next token is chosen.
#pragma once

#include <cstdint>
#include <map>

namespace saker {

// Applied in this order, which is that of HF transformers' generate(); each setting means what it means there, presence
// and frequency what they mean in OpenAI's API. The defaults leave the model's own distribution.
//
//   1. logit_bias          logit += bias
//   2. repetition_penalty  of tokens that occur, given or generated: logit / penalty if positive, else logit * penalty
//   3. presence_penalty,   of tokens that were generated (c times): logit -= presence + c * frequency
//      frequency_penalty
//   4. temperature         logit / temperature; 0: the token with the largest logit (the lowest id of equals), and
//                          the settings below have no effect
//   5. top_k               the k largest, and all that equal the last of them
//   6. top_p               the largest, one by one, until their probabilities add up to p or more
//   7. min_p               those with at least min_p times the largest probability
//   8. typical_p           those whose information is closest to the entropy, until they add up to typical_p or more
//
// What remains is renormalised. At least one token always remains.
struct SamplingParams {
  std::map<int32_t, float> logit_bias{};  // finite, or -infinity to forbid a token
  double repetition_penalty = 1.0;        // > 0; 1: off
  double presence_penalty = 0.0;          // finite
  double frequency_penalty = 0.0;         // finite
  double temperature = 1.0;               // >= 0
  int64_t top_k = 0;                      // >= 0; 0: off
  double top_p = 1.0;                     // (0, 1]; 1: off
  double min_p = 0.0;                     // [0, 1]; 0: off
  double typical_p = 1.0;                 // (0, 1]; 1: off
  uint64_t seed = 0;

  // Throws invalid_argument naming the setting, its range and the value found.
  void validate(int64_t vocab_size) const;
};

}  // namespace saker
