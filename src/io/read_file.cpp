#include "io/read_file.h"

#include <unistd.h>

#include <cerrno>

#include "core/error.h"
#include "io/file_handle.h"

namespace saker {

std::string read_file(const std::filesystem::path& path, uint64_t limit) {
  const OpenedFile file = open_for_reading(path);
  SAKER_CHECK(file.bytes <= limit, ErrorCode::corrupt_data, "[file] expected {} to have at most {} bytes, found {}",
              quoted(path.native(), 400), limit, file.bytes);
  std::string content(file.bytes, '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t got = ::read(file.handle.get(), content.data() + done, content.size() - done);
    if (got < 0 && errno == EINTR) continue;
    SAKER_CHECK(got >= 0, ErrorCode::io, "[file] {} cannot be read: {}", quoted(path.native(), 400),
                system_error_text(errno));
    if (got == 0) break;  // shortened meanwhile
    done += static_cast<size_t>(got);
  }
  content.resize(done);
  return content;
}

}  // namespace saker
