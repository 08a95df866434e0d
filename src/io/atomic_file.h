// Files that appear whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "io/checksum.h"
#include "io/file_handle.h"

namespace saker {

// Writes beside `path`; commit() makes the content durable and puts it in place of the old file in one step. Without
// commit (an error, a crash) the old file stays as it was; the unfinished one is removed unless the process dies.
class AtomicFile {
 public:
  // Throws invalid_argument if `path` is there and is not a file, io if the folder takes no new file.
  explicit AtomicFile(const std::filesystem::path& path);
  AtomicFile(const AtomicFile&) = delete;
  ~AtomicFile();

  // Appends. Throws io, for example when the disk is full.
  void write(const void* data, size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }

  // Throws io; the old file is then still there. Called once, last.
  void commit();

  uint64_t bytes() const noexcept { return bytes_; }                // written so far
  uint64_t checksum() const noexcept { return checksum_.value(); }  // of them

 private:
  std::filesystem::path path_, unfinished_;
  FileHandle handle_;
  Checksum checksum_;
  uint64_t bytes_ = 0;
};

// Makes names within a folder (new, renamed, removed) survive a power cut. File systems without this notion refuse it;
// no harm done.
void sync_folder(const std::filesystem::path& folder) noexcept;

void replace_file(const std::filesystem::path& path, std::string_view content);

}  // namespace saker
