// An open file descriptor, and the errors of opening one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace saker {

// "No space left on device": the system's words for an errno.
std::string system_error_text(int error);

// Closes what it holds. Move-only.
class FileHandle {
 public:
  explicit FileHandle(int descriptor) noexcept : descriptor_(descriptor) {}
  FileHandle(FileHandle&& other) noexcept : descriptor_(other.release()) {}
  FileHandle& operator=(FileHandle&&) = delete;
  ~FileHandle();

  int get() const noexcept { return descriptor_; }
  int release() noexcept;

 private:
  int descriptor_;
};

struct OpenedFile {
  FileHandle handle;
  uint64_t bytes;
};

// Opens a regular file for reading; never waits, whatever the path names. Throws not_found if there is none,
// invalid_argument for folders, pipes and devices, io if the system refuses.
OpenedFile open_for_reading(const std::filesystem::path& path);

}  // namespace saker
