// xxHash (XXH3, 64 bits): detects damage, not tampering.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace saker {

// Of bytes that arrive in pieces; how they are cut does not matter.
class Checksum {
 public:
  Checksum();
  void update(const void* data, size_t bytes) noexcept;
  uint64_t value() const noexcept;

 private:
  struct Release {
    void operator()(void* state) const noexcept;
  };
  std::unique_ptr<void, Release> state_;
};

uint64_t checksum(std::span<const std::byte> bytes) noexcept;

}  // namespace saker
