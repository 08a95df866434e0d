#include "device/buffer.h"

#include <sys/mman.h>

#include <utility>

#include "core/error.h"
#include "device/gpu.h"

namespace saker {

namespace {
constexpr size_t kHugePage = size_t{2} << 20;
}  // namespace

void Buffer::Release::operator()(std::byte* data) const noexcept {
  if (!place.on_host())
    gpu_release(place.gpu, data);
  else if (mapped == 0)
    pinned_release(data);
  else
    ::munmap(data, mapped);
}

// On the host anonymous mappings: zero pages cost nothing until touched, and large ones can be backed by huge pages.
Buffer::Buffer(size_t bytes, Place place) : bytes_(bytes) {
  if (bytes == 0) return;
  if (!place.on_host()) {
    data_ = {static_cast<std::byte*>(gpu_allocate(place.gpu, bytes)), Release{0, place}};
    return;
  }
  const size_t mapped = bytes >= kHugePage ? (bytes + kHugePage - 1) / kHugePage * kHugePage : bytes;
  void* data = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  SAKER_CHECK(data != MAP_FAILED, ErrorCode::out_of_memory, "[memory] {} bytes are needed and not to be had", bytes);
  if (mapped >= kHugePage) ::madvise(data, mapped, MADV_HUGEPAGE);
  data_ = {static_cast<std::byte*>(data), Release{mapped, place}};
}

Buffer Buffer::pinned(size_t bytes) {
  Buffer buffer;
  if (bytes == 0) return buffer;
  buffer.data_ = {static_cast<std::byte*>(pinned_allocate(bytes)), Release{0, kHost}};
  buffer.bytes_ = bytes;
  return buffer;
}

Tensor Tensor::copy_to(Place place) const {
  if (bytes() == 0) return {};
  Tensor copy(view_.dtype, view_.shape, place);
  copy_bytes(copy.buffer_.data(), place, buffer_.data(), this->place(), bytes());
  return copy;
}

Tensor fetch(const ConstTensorView& view, Place place) {
  Tensor copy(view.dtype, view.shape);
  const size_t size = size_of(view.dtype), width = static_cast<size_t>(view.columns()) * size;
  copy_rows({copy.view().data, width, kHost}, {view.data, static_cast<size_t>(view.row_stride) * size, place}, width,
            static_cast<size_t>(view.rows()));
  return copy;
}

}  // namespace saker
