// A copy of a run's state, so that it can be written while training goes on.
#pragma once

#include <cstddef>

#include "device/arena.h"
#include "train/training_state.h"

namespace saker {

class Snapshot {
 public:
  // Takes the memory for states like this one; nothing is copied. Throws out_of_memory.
  Snapshot(const TrainingState& state, int threads);

  // Copies all arrays of a state of the same shapes, on `threads` threads. What it gives is valid until the next call.
  const TrainingState& take(const TrainingState& state);

  size_t bytes() const noexcept { return arena_.bytes(); }

 private:
  int threads_;
  Arena arena_;
  TrainingState copy_;
};

}  // namespace saker
