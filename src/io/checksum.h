// xxHash (XXH3, 64 bits): detects damage, not tampering.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

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

// As JSON files have it: 16 hexadecimal digits. None for any other text.
std::string checksum_text(uint64_t checksum);
std::optional<uint64_t> checksum_from_text(std::string_view text) noexcept;

}  // namespace saker
