// The size of a batch as a pure function of the tokens seen: a linear ramp, then a constant.
#pragma once

#include <cstdint>

namespace saker {

struct BatchSizeSchedule {
  enum class Unit { sequences, tokens };

  Unit unit = Unit::sequences;
  int64_t from = 1, to = 1;
  int64_t ramp_tokens = 0;          // 0: `to` from the first step on
  bool scale_learning_rate = true;  // by the square root of the batch over the full one

  // Sequences of `context` tokens of the step that begins at `tokens`; at least one.
  int64_t rows(int64_t tokens, int64_t context) const noexcept;
  // The factor of the learning rate of that step. The noise temperature of Adam, rate / sqrt(batch), stays constant.
  double learning_rate_factor(int64_t tokens, int64_t context) const noexcept;

 private:
  double full_rows(int64_t context) const noexcept;
};

}  // namespace saker
