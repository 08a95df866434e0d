// Owned bytes: zeroed, in host memory (aligned to 64 bytes, in huge pages when large) or in that of a GPU. Move-only.
#pragma once

#include <cstddef>
#include <memory>

#include "device/place.h"
#include "device/tensor.h"

namespace saker {

class Buffer {
 public:
  Buffer() = default;
  // Throws out_of_memory, naming the size.
  explicit Buffer(size_t bytes, Place place = kHost);
  // Host memory that GPUs reach without a copy in between.
  static Buffer pinned(size_t bytes);

  std::byte* data() noexcept { return data_.get(); }
  const std::byte* data() const noexcept { return data_.get(); }
  size_t bytes() const noexcept { return bytes_; }
  Place place() const noexcept { return data_.get_deleter().place; }

 private:
  struct Release {
    size_t mapped;  // 0: pinned, where on the host
    Place place;
    void operator()(std::byte* data) const noexcept;
  };
  std::unique_ptr<std::byte, Release> data_;
  size_t bytes_ = 0;
};

// A buffer with the view of what it holds.
class Tensor {
 public:
  Tensor() = default;
  Tensor(DType dtype, const Shape& shape, Place place = kHost)
      : buffer_(static_cast<size_t>(shape.elements()) * size_of(dtype), place), view_(buffer_.data(), dtype, shape) {}

  TensorView view() noexcept { return view_; }
  ConstTensorView view() const noexcept { return view_; }
  explicit operator bool() const noexcept { return static_cast<bool>(view_); }
  size_t bytes() const noexcept { return buffer_.bytes(); }
  Place place() const noexcept { return buffer_.place(); }
  Tensor clone() const { return copy_to(place()); }
  Tensor copy_to(Place place) const;

 private:
  Buffer buffer_;
  TensorView view_;
};

// The elements of a view that lies at `place`, in host memory and contiguous.
Tensor fetch(const ConstTensorView& view, Place place);

}  // namespace saker
