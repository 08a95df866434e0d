// A whole file, mapped read-only into memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace saker {

// Move-only. Pages are read when first touched and shared with every other process that maps the file. The file must
// not be shortened while it is mapped; replacing it (src/io/atomic_file.h) is fine: the mapping keeps the old content.
// The system gets no advice: WILLNEED and SEQUENTIAL made cold reading of 4 GB by two threads no faster than none.
class MappedFile {
 public:
  // Throws not_found if there is no such file, invalid_argument for folders and devices, corrupt_data if it is empty,
  // io if the system refuses.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  const std::filesystem::path& path() const noexcept { return path_; }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

}  // namespace saker
