// Bump allocator for activations: sized once, carved into tensors, never grown. Nothing allocates per token.
#pragma once

#include <utility>

#include "device/buffer.h"

namespace saker {

class Arena {
 public:
  // What cuBLASLt tells apart: the products of a tensor do not depend on what lies before it.
  static constexpr size_t kAlignment = 256;

  Arena() = default;
  explicit Arena(size_t bytes, Place place = kHost) : buffer_(bytes, place) {}
  explicit Arena(Buffer buffer) : buffer_(std::move(buffer)) {}

  // Bytes that a tensor takes within an arena.
  static size_t bytes_for(DType dtype, const Shape& shape) noexcept {
    const size_t bytes = static_cast<size_t>(shape.elements()) * size_of(dtype);
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }

  // Uninitialised. Running over the end is a bug of whoever sized the arena.
  TensorView take(DType dtype, const Shape& shape) {
    const size_t bytes = bytes_for(dtype, shape);
    SAKER_ASSERT(used_ + bytes <= buffer_.bytes());
    TensorView view(buffer_.data() + used_, dtype, shape);
    used_ += bytes;
    return view;
  }

  void reset() noexcept { used_ = 0; }
  // All of it.
  TensorView everything() { return {buffer_.data(), DType::u8, {static_cast<int64_t>(buffer_.bytes())}}; }
  Place place() const noexcept { return buffer_.place(); }
  size_t bytes() const noexcept { return buffer_.bytes(); }
  size_t free_bytes() const noexcept { return buffer_.bytes() - used_; }

 private:
  Buffer buffer_;
  size_t used_ = 0;
};

}  // namespace saker
