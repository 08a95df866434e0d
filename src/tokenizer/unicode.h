// Character classes, as the reference library (HF tokenizers) sees them. Assigned characters: Unicode 15
// (utf8proc 2.8); a character assigned later belongs to no class here, so that a text with it may be cut differently
// there.
#pragma once

#include <array>
#include <cstdint>

namespace saker::unicode {

enum Class : uint8_t {
  letter = 1,       // \p{L}
  number = 2,       // \p{N}: Nd, Nl, No
  space = 4,        // White_Space, \s
  punctuation = 8,  // ASCII punctuation, or category P of the reference's older table
};

// The class of a non-ASCII character: a union of Class bits, 0 for any other character.
uint8_t class_beyond_ascii(char32_t c) noexcept;

namespace detail {
constexpr std::array<uint8_t, 128> make_ascii_classes() {
  std::array<uint8_t, 128> classes{};
  for (int c = 0; c < 128; ++c) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
      classes[c] = letter;
    else if (c >= '0' && c <= '9')
      classes[c] = number;
    else if (c == ' ' || (c >= '\t' && c <= '\r'))
      classes[c] = space;
    else if (c > ' ' && c < 127)
      classes[c] = punctuation;
  }
  return classes;
}
inline constexpr auto ascii_classes = make_ascii_classes();
}  // namespace detail

inline uint8_t class_of(char32_t c) noexcept {
  return c < 128 ? detail::ascii_classes[c] : class_beyond_ascii(c);
}

inline bool is_space(char32_t c) noexcept {
  return class_of(c) & space;
}
inline bool is_number(char32_t c) noexcept {
  return class_of(c) & number;
}
inline bool is_punctuation(char32_t c) noexcept {
  return class_of(c) & punctuation;
}

// \w: alphabetic, mark, decimal number, connector punctuation, or joiner.
bool is_word(char32_t c) noexcept;

}  // namespace saker::unicode
