// UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace saker::utf8 {

struct Character {
  char32_t code_point;
  size_t length;  // bytes
};

// What `text` (not empty) begins with.
enum class Kind {
  character,  // a whole character
  invalid,    // bytes that no continuation can turn into a character
  truncated,  // the beginning of a character; the text ends before its last byte
};
struct Sequence {
  Kind kind;
  size_t length;  // bytes: of the character, of the maximal invalid part, or of the whole rest
};
Sequence first_sequence(std::string_view text) noexcept;

// The character at `at`, which must point into valid UTF-8.
inline Character decode(const char* at) noexcept {
  const auto byte = [&](int i) { return static_cast<char32_t>(static_cast<unsigned char>(at[i])); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (lead < 0xF0) return {(lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
}

// The last character of `text`, which must be valid UTF-8 and not empty.
Character decode_last(std::string_view text) noexcept;

void append(char32_t code_point, std::string& out);

// Number of leading ASCII bytes.
size_t ascii_prefix(std::string_view text) noexcept;

// Offset of the first byte that belongs to no character; npos when the text is valid.
size_t find_invalid(std::string_view text) noexcept;

// U+FFFD, which stands for each maximal part that is no character (Unicode standard, section 3.9).
inline constexpr std::string_view replacement = "\xEF\xBF\xBD";

// Appends `bytes` as valid UTF-8, with replacements where needed.
void append_lossy(std::string_view bytes, std::string& out);

}  // namespace saker::utf8
