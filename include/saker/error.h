// The one exception type of Saker.
//
// Thrown at boundaries: by what a file, a request, a flag or a peer can cause. A message reads "[component] what was
// expected, what was found; hint". Expected outcomes are values, not exceptions.
#pragma once

#include <source_location>
#include <stdexcept>
#include <string>

#include "saker/api.h"

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

SAKER_API const char* name(ErrorCode code) noexcept;

class SAKER_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, std::source_location where = std::source_location::current())
      : std::runtime_error(message), code_(code), where_(where) {}

  ErrorCode code() const noexcept { return code_; }
  const std::source_location& where() const noexcept { return where_; }

 private:
  ErrorCode code_;
  std::source_location where_;
};

}  // namespace saker
