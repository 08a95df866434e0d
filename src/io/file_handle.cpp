#include "io/file_handle.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace saker {

std::string system_error_text(int error) {
  return std::generic_category().message(error);
}

FileHandle::~FileHandle() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int FileHandle::release() noexcept {
  return std::exchange(descriptor_, -1);
}

OpenedFile open_for_reading(const std::filesystem::path& path) {
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  FileHandle handle(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const int error = errno;
  if (handle.get() < 0) {
    const bool absent = error == ENOENT || error == ENOTDIR;
    SAKER_CHECK(!absent, ErrorCode::not_found, "[file] expected a file {}, found none", quoted(path.native(), 400));
    fail(ErrorCode::io, "[file] {} cannot be opened: {}", quoted(path.native(), 400), system_error_text(error));
  }
  struct stat info;
  SAKER_CHECK(::fstat(handle.get(), &info) == 0, ErrorCode::io, "[file] {} cannot be examined: {}",
              quoted(path.native(), 400), system_error_text(errno));
  SAKER_CHECK(S_ISREG(info.st_mode), ErrorCode::invalid_argument, "[file] expected {} to be a file, found {}",
              quoted(path.native(), 400), S_ISDIR(info.st_mode) ? "a folder" : "a pipe or device");
  return {std::move(handle), static_cast<uint64_t>(info.st_size)};
}

}  // namespace saker
