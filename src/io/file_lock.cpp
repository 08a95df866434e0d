#include "io/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "core/error.h"

namespace saker {

FileLock::FileLock(const std::filesystem::path& path)
    : handle_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  SAKER_CHECK(handle_.get() >= 0, ErrorCode::io, "[file] {} cannot be opened: {}", quoted(path.native(), 400),
              system_error_text(errno));
  const bool locked = ::flock(handle_.get(), LOCK_EX | LOCK_NB) == 0;
  SAKER_CHECK(locked || errno != EWOULDBLOCK, ErrorCode::invalid_argument,
              "[file] {} is held by another process that works there", quoted(path.native(), 400));
  SAKER_CHECK(locked, ErrorCode::io, "[file] {} cannot be locked: {}", quoted(path.native(), 400),
              system_error_text(errno));
}

}  // namespace saker
