#include "io/mapped_file.h"

#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "core/error.h"
#include "io/file_handle.h"

namespace saker {

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  const OpenedFile file = open_for_reading(path);
  SAKER_CHECK(file.bytes > 0, ErrorCode::corrupt_data, "[file] {} is empty", quoted(path.native(), 400));
  void* data = ::mmap(nullptr, file.bytes, PROT_READ, MAP_SHARED, file.handle.get(), 0);
  SAKER_CHECK(data != MAP_FAILED, ErrorCode::io, "[file] {} cannot be mapped: {}", quoted(path.native(), 400),
              system_error_text(errno));
  bytes_ = {static_cast<const std::byte*>(data), file.bytes};
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})) {}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace saker
