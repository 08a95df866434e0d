// One process at a time.
#pragma once

#include <filesystem>

#include "io/file_handle.h"

namespace saker {

// Holds an advisory lock on a file, made if need be, as long as it lives; a process that dies lets go of it.
class FileLock {
 public:
  // Throws invalid_argument if another process holds it, io if the file cannot be opened.
  explicit FileLock(const std::filesystem::path& path);

 private:
  FileHandle handle_;
};

}  // namespace saker
