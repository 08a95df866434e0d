#include "apps/standard_input.h"

#include <unistd.h>

#include <cerrno>

#include "core/error.h"
#include "io/file_handle.h"

namespace saker::apps {

std::string read_standard_input() {
  constexpr size_t kPiece = 1 << 16;
  std::string text;
  for (size_t size = 0;;) {
    text.resize(size + kPiece);
    const ssize_t got = ::read(STDIN_FILENO, text.data() + size, kPiece);
    SAKER_CHECK(got >= 0 || errno != EINTR, ErrorCode::cancelled, "interrupted");
    SAKER_CHECK(got >= 0, ErrorCode::io, "[input] standard input cannot be read: {}", system_error_text(errno));
    size += static_cast<size_t>(got);
    text.resize(size);
    if (got == 0) return text;
  }
}

}  // namespace saker::apps
