#include "device/buffer.h"

#include <sys/mman.h>

#include <cstring>
#include <utility>

#include "core/error.h"

namespace saker {

namespace {
constexpr size_t kHugePage = size_t{2} << 20;
}  // namespace

void Buffer::Release::operator()(std::byte* data) const noexcept {
  ::munmap(data, mapped);
}

// Anonymous mappings: zero pages cost nothing until touched, and large ones can be backed by huge pages.
Buffer::Buffer(size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  const size_t mapped = bytes >= kHugePage ? (bytes + kHugePage - 1) / kHugePage * kHugePage : bytes;
  void* data = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SAKER_CHECK(data != MAP_FAILED, ErrorCode::out_of_memory, "[memory] {} bytes are needed and not to be had", bytes);
  if (mapped >= kHugePage) ::madvise(data, mapped, MADV_HUGEPAGE);
  data_ = {static_cast<std::byte*>(data), Release{mapped}};
}

Tensor Tensor::clone() const {
  if (bytes() == 0) return {};
  Tensor copy(view_.dtype, view_.shape);
  std::memcpy(copy.buffer_.data(), buffer_.data(), bytes());
  return copy;
}

}  // namespace saker
