// A file or standard input as bytes, whatever it is compressed with: gzip and zstd are known by their first bytes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

namespace saker {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // The next bytes, `size` at most; 0: the end. Throws io, cancelled if a signal comes while it waits, and corrupt_data
  // for a compressed file that is damaged or ends early.
  virtual size_t read(char* data, size_t size) = 0;
};

// "-": standard input. Throws as open_for_reading does.
std::unique_ptr<ByteSource> open_byte_source(const std::filesystem::path& path);

}  // namespace saker
