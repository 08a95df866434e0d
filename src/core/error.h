// The one exception type of Saker.
//
// Thrown at boundaries: by what a file, a request, a flag or a peer can cause. Bugs are assertions (SAKER_ASSERT);
// expected outcomes are values. A message reads "[component] what was expected, what was found; hint".
#pragma once

#include <fmt/format.h>

#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>

namespace saker {

enum class ErrorCode {
  invalid_argument,  // a value that the caller chose: flag, option, prompt
  not_found,         // a file, tensor or key that should exist
  corrupt_data,      // a file that contradicts its format or itself
  unsupported,       // well formed, but beyond what this build or backend does
  out_of_memory,
  io,         // the operating system refused a read or write
  device,     // an accelerator failed
  cancelled,  // the user asked to stop
  internal,   // a bug in Saker that was caught
};

const char* name(ErrorCode code) noexcept;

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, std::source_location where = std::source_location::current())
      : std::runtime_error(message), code_(code), where_(where) {}

  ErrorCode code() const noexcept { return code_; }
  const std::source_location& where() const noexcept { return where_; }

 private:
  ErrorCode code_;
  std::source_location where_;
};

// fail(ErrorCode::corrupt_data, "[safetensors] {}: header of {} bytes, file of {}", path, n, size)
template <class... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

// Replaces the bytes of `text` that are not printable ASCII or valid UTF-8 by \xNN and cuts it to `limit` characters,
// so that names and values from files can be quoted in a message. Write saker::quoted where <iomanip> may be included.
std::string quoted(std::string_view text, size_t limit = 80);

}  // namespace saker

// Throws saker::Error unless the condition holds. For what input can cause.
#define SAKER_CHECK(condition, code, ...)                        \
  do {                                                           \
    if (!(condition)) [[unlikely]] ::saker::fail(code, __VA_ARGS__); \
  } while (false)

// For bugs only: must be out of reach of any input.
#define SAKER_ASSERT(condition)                                                            \
  do {                                                                                     \
    if (!(condition)) [[unlikely]] ::saker::assertion_failed(#condition, __FILE__, __LINE__); \
  } while (false)

namespace saker {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;
}
