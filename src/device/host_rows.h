// Rows of host memory: what copy_rows and zero_rows of device/gpu.h do with it, in builds with CUDA and without.
#pragma once

#include <cstring>

#include "device/gpu.h"

namespace saker {

inline void copy_host_rows(const Rows& to, const ConstRows& from, size_t width, size_t rows) {
  for (size_t row = 0; row < rows && width > 0; ++row)
    std::memcpy(static_cast<std::byte*>(to.data) + row * to.pitch,
                static_cast<const std::byte*>(from.data) + row * from.pitch, width);
}
inline void zero_host_rows(const Rows& to, size_t width, size_t rows) {
  for (size_t row = 0; row < rows && width > 0; ++row)
    std::memset(static_cast<std::byte*>(to.data) + row * to.pitch, 0, width);
}

}  // namespace saker
