#include "apps/standard_output.h"

#include <unistd.h>

#include <cerrno>

#include "core/error.h"

namespace saker::apps {

void write_standard_output(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    SAKER_CHECK(written >= 0 || errno == EINTR, ErrorCode::io, "[output] stdout takes no more text");
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace saker::apps
