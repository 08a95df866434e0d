#include "io/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "core/error.h"

namespace saker {

namespace {

namespace fs = std::filesystem;

std::string shown(const fs::path& path) {
  return quoted(path.native(), 400);
}

// A name in the same folder that no other writer of this machine uses.
fs::path unfinished_name(const fs::path& path) {
  static std::atomic<unsigned> counter{0};
  return fs::path(path).concat(fmt::format(".{}-{}.unfinished", ::getpid(), counter++));
}

FileHandle create(const fs::path& path, const fs::path& unfinished) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  SAKER_CHECK(!fs::exists(status) || fs::is_regular_file(status), ErrorCode::invalid_argument,
              "[file] expected {} to be a file or absent, found {}", shown(path),
              fs::is_directory(status) ? "a folder" : "a pipe or device");
  FileHandle handle(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  SAKER_CHECK(handle.get() >= 0, ErrorCode::io, "[file] {} cannot be created: {}", shown(path),
              system_error_text(errno));
  return handle;
}

}  // namespace

void sync_folder(const fs::path& folder) noexcept {
  const FileHandle handle(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() >= 0) ::fsync(handle.get());
}

AtomicFile::AtomicFile(const fs::path& path)
    : path_(path), unfinished_(unfinished_name(path)), handle_(create(path_, unfinished_)) {}

AtomicFile::~AtomicFile() {
  if (handle_.get() >= 0) ::unlink(unfinished_.c_str());
}

void AtomicFile::write(const void* data, size_t bytes) {
  const char* next = static_cast<const char*>(data);
  checksum_.update(data, bytes);
  bytes_ += bytes;
  while (bytes > 0) {
    const ssize_t written = ::write(handle_.get(), next, bytes);
    if (written < 0 && errno == EINTR) continue;
    SAKER_CHECK(written >= 0, ErrorCode::io, "[file] {} cannot be written: {}", shown(path_), system_error_text(errno));
    next += written;
    bytes -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  SAKER_CHECK(::fsync(handle_.get()) == 0, ErrorCode::io, "[file] {} cannot be made durable: {}", shown(path_),
              system_error_text(errno));
  SAKER_CHECK(::rename(unfinished_.c_str(), path_.c_str()) == 0, ErrorCode::io, "[file] {} cannot be replaced: {}",
              shown(path_), system_error_text(errno));
  ::close(handle_.release());
  sync_folder(path_.parent_path());
}

void replace_file(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

}  // namespace saker
