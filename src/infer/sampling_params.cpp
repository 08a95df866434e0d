#include "infer/sampling_params.h"

#include <cmath>
#include <limits>
#include <string_view>

#include "core/error.h"

namespace saker {

namespace {

// NaN holds for nothing, so it is refused everywhere.
void check(bool holds, std::string_view name, std::string_view range, double found) {
  SAKER_CHECK(holds, ErrorCode::invalid_argument, "[sampling] {}: expected {}, found {}", name, range, found);
}

}  // namespace

void SamplingParams::validate(int64_t vocab_size) const {
  const double infinity = std::numeric_limits<double>::infinity();
  check(temperature >= 0.0 && temperature < infinity, "temperature", "a number of at least 0", temperature);
  check(top_k >= 0, "top_k", "at least 1, or 0 for off", static_cast<double>(top_k));
  check(top_p > 0.0 && top_p <= 1.0, "top_p", "more than 0 and at most 1", top_p);
  check(min_p >= 0.0 && min_p <= 1.0, "min_p", "0 to 1", min_p);
  check(typical_p > 0.0 && typical_p <= 1.0, "typical_p", "more than 0 and at most 1", typical_p);
  check(repetition_penalty > 0.0 && repetition_penalty < infinity, "repetition_penalty", "a number above 0",
        repetition_penalty);
  check(std::isfinite(presence_penalty), "presence_penalty", "a finite number", presence_penalty);
  check(std::isfinite(frequency_penalty), "frequency_penalty", "a finite number", frequency_penalty);
  for (const auto& [id, bias] : logit_bias) {
    SAKER_CHECK(id >= 0 && id < vocab_size, ErrorCode::invalid_argument,
                "[sampling] logit_bias: expected a token id from 0 to {}, found {}", vocab_size - 1, id);
    check(bias < std::numeric_limits<float>::infinity(), "logit_bias", "a finite number or -inf",
          static_cast<double>(bias));
  }
}

}  // namespace saker
