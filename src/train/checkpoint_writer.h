// Writes the checkpoints of a run: while training waits, or on a thread of its own while training goes on.
//
// One at a time, in the order of the calls: each waits for the one before. What went wrong on the thread is thrown by
// the call that follows, whichever it is. A checkpoint is saved, and reported so, once it is complete. Calls come from
// one thread.
#pragma once

#include <filesystem>
#include <functional>
#include <future>
#include <optional>

#include "train/snapshot.h"

namespace saker {

class CheckpointWriter {
 public:
  using Write = std::function<void(const std::filesystem::path&, const TrainingState&)>;

  // `write` puts a checkpoint in place, and runs on either thread; `saved` is told of it on the caller's.
  CheckpointWriter(Write write, Write saved) : write_(std::move(write)), saved_(std::move(saved)) {}
  CheckpointWriter(const CheckpointWriter&) = delete;
  // Waits for what is being written; what goes wrong with it then is lost.
  ~CheckpointWriter() = default;

  // Takes the memory that start() copies states to. Throws out_of_memory.
  void reserve(const TrainingState& state, Stream& stream) { snapshot_.emplace(state, stream); }

  // From the state itself.
  void write(const std::filesystem::path& folder, const TrainingState& state);
  // From a copy, which is made before this returns. reserve() comes first.
  void start(const std::filesystem::path& folder, const TrainingState& state);
  // Reports what is complete by now, without waiting.
  void poll();
  // Waits.
  void finish();

 private:
  Write write_, saved_;
  std::optional<Snapshot> snapshot_;
  std::function<void()> report_;  // of what is being written
  std::future<void> writing_;     // last: it is waited for before the others go
};

}  // namespace saker
