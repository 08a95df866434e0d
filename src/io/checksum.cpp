#include "io/checksum.h"

#include <xxhash.h>

#include <charconv>

#include "core/error.h"

namespace saker {

void Checksum::Release::operator()(void* state) const noexcept {
  XXH3_freeState(static_cast<XXH3_state_t*>(state));
}

Checksum::Checksum() : state_(XXH3_createState()) {
  SAKER_CHECK(state_ != nullptr, ErrorCode::out_of_memory, "[checksum] no memory for its state");
  XXH3_64bits_reset(static_cast<XXH3_state_t*>(state_.get()));
}

void Checksum::update(const void* data, size_t bytes) noexcept {
  XXH3_64bits_update(static_cast<XXH3_state_t*>(state_.get()), data, bytes);
}

uint64_t Checksum::value() const noexcept {
  return XXH3_64bits_digest(static_cast<XXH3_state_t*>(state_.get()));
}

uint64_t checksum(std::span<const std::byte> bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string checksum_text(uint64_t checksum) {
  return fmt::format("{:016x}", checksum);
}

std::optional<uint64_t> checksum_from_text(std::string_view text) noexcept {
  uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value, 16);
  if (text.size() != 16 || error != std::errc() || end != last) return std::nullopt;
  return value;
}

}  // namespace saker
