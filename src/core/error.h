// saker::Error (saker/error.h) and how it is thrown. Bugs are assertions (SAKER_ASSERT).
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "saker/error.h"

namespace saker {

// fail(ErrorCode::corrupt_data, "[safetensors] {}: header of {} bytes, file of {}", path, n, size)
template <class... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

// Replaces the bytes of `text` that are not printable ASCII or valid UTF-8 by \xNN and cuts it to `limit` characters,
// so that names and values from files can be quoted in a message. Write saker::quoted where <iomanip> may be included.
std::string quoted(std::string_view text, size_t limit = 80);
// Without this a std::string would find std::quoted where <iomanip> is included.
inline std::string quoted(const std::string& text, size_t limit = 80) {
  return quoted(std::string_view(text), limit);
}

}  // namespace saker

// Throws saker::Error unless the condition holds. For what input can cause.
#define SAKER_CHECK(condition, code, ...) \
  do {                                    \
    if (!(condition)) [[unlikely]]        \
      ::saker::fail(code, __VA_ARGS__);   \
  } while (false)

// For bugs only: must be out of reach of any input.
#define SAKER_ASSERT(condition)                                  \
  do {                                                           \
    if (!(condition)) [[unlikely]]                               \
      ::saker::assertion_failed(#condition, __FILE__, __LINE__); \
  } while (false)

namespace saker {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;
}
