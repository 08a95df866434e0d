// A copy of a run's state in host memory, so that it can be written while training goes on.
#pragma once

#include <cstddef>

#include "device/arena.h"
#include "train/training_state.h"

namespace saker {

class Snapshot {
 public:
  // Takes the memory for states like this one, on the host: pinned for those of a GPU. Nothing is copied. Throws
  // out_of_memory.
  Snapshot(const TrainingState& state, Stream& stream);

  // Copies all arrays of a state of the same shapes; after the work of the stream, for which it waits. What it gives
  // is valid until the next call.
  const TrainingState& take(const TrainingState& state);

  size_t bytes() const noexcept { return arena_.bytes(); }

 private:
  Stream& stream_;
  Arena arena_;
  TrainingState copy_;
};

}  // namespace saker
