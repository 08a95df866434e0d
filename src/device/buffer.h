// Owned bytes in host memory: zeroed, aligned to 64 bytes, in huge pages when large. Move-only.
#pragma once

#include <cstddef>
#include <memory>

#include "device/tensor.h"

namespace saker {

class Buffer {
 public:
  Buffer() = default;
  // Throws out_of_memory, naming the size.
  explicit Buffer(size_t bytes);

  std::byte* data() noexcept { return data_.get(); }
  const std::byte* data() const noexcept { return data_.get(); }
  size_t bytes() const noexcept { return bytes_; }

 private:
  struct Release {
    size_t mapped;
    void operator()(std::byte* data) const noexcept;
  };
  std::unique_ptr<std::byte, Release> data_;
  size_t bytes_ = 0;
};

// A buffer with the view of what it holds.
class Tensor {
 public:
  Tensor() = default;
  Tensor(DType dtype, const Shape& shape)
      : buffer_(static_cast<size_t>(shape.elements()) * size_of(dtype)), view_(buffer_.data(), dtype, shape) {}

  TensorView view() noexcept { return view_; }
  ConstTensorView view() const noexcept { return view_; }
  explicit operator bool() const noexcept { return static_cast<bool>(view_); }
  size_t bytes() const noexcept { return buffer_.bytes(); }
  Tensor clone() const;

 private:
  Buffer buffer_;
  TensorView view_;
};

}  // namespace saker
