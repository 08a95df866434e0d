// The files of a run: metrics.jsonl, checkpoints/, model/, and the lock that keeps a second process out.
#pragma once

#include <filesystem>
#include <string>

#include "io/file_lock.h"

namespace saker {

class RunFolder {
 public:
  // Makes the folder, takes the lock, and removes what a killed process left unfinished. Throws io, and
  // invalid_argument if another process works there.
  explicit RunFolder(const std::filesystem::path& folder);

  std::filesystem::path metrics() const { return folder_ / "metrics.jsonl"; }
  std::filesystem::path checkpoints() const { return folder_ / "checkpoints"; }
  std::filesystem::path pre_decay() const { return checkpoints() / "pre-decay"; }
  std::filesystem::path checkpoint(int64_t step) const;
  std::filesystem::path model() const { return folder_ / "model"; }

  // Throws invalid_argument if there is a run here already.
  void expect_new() const;

 private:
  std::filesystem::path folder_;
  FileLock lock_;
};

}  // namespace saker
