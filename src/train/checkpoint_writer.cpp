#include "train/checkpoint_writer.h"

#include <chrono>
#include <system_error>

#include "core/error.h"

namespace saker {

namespace fs = std::filesystem;

void CheckpointWriter::write(const fs::path& folder, const TrainingState& state) {
  finish();
  write_(folder, state);
  saved_(folder, state);
}

void CheckpointWriter::start(const fs::path& folder, const TrainingState& state) {
  finish();
  const TrainingState& copy = snapshot_->take(state);
  report_ = [this, folder, &copy] { saved_(folder, copy); };
  try {
    writing_ = std::async(std::launch::async, [this, folder, &copy] { write_(folder, copy); });
  } catch (const std::system_error& error) {
    fail(ErrorCode::io, "[checkpoint] no thread to write {} on: {}; checkpoints.asynchronous = false needs none",
         saker::quoted(folder.native(), 400), error.what());
  }
}

void CheckpointWriter::poll() {
  if (writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) finish();
}

void CheckpointWriter::finish() {
  if (!writing_.valid()) return;
  writing_.get();
  report_();
}

}  // namespace saker
