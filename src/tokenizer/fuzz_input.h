// For fuzz targets alone: an input that is two texts, the second behind the first NUL byte.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace saker {

// Calls run(first, second), which may throw saker::Error and nothing else.
template <class Run>
void run_two_texts(const uint8_t* data, size_t size, const Run& run) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), input.size());
  try {
    run(input.substr(0, end), input.substr(std::min(end + 1, input.size())));
  } catch (const Error&) {
  }
}

}  // namespace saker
