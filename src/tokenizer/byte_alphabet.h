// The GPT-2 byte alphabet: a printable character for each of the 256 bytes, so that a byte-level vocabulary is text.
// Bytes 21-7E, A1-AC and AE-FF stand for themselves (as code points); the other 68, in order, are U+0100, U+0101, ...
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace saker::byte_alphabet {

inline constexpr char32_t last_symbol = 0x143;

constexpr std::array<char32_t, 256> make_symbols() {
  std::array<char32_t, 256> symbols{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    symbols[byte] = printable ? byte : next++;
  }
  return symbols;
}

// Code point of each byte.
inline constexpr std::array<char32_t, 256> symbols = make_symbols();

// Appends the symbols of `bytes` as UTF-8.
void append_mapped(std::string_view bytes, std::string& out);

// Appends the bytes for which `text` (valid UTF-8) stands and returns true; returns false and appends nothing if a
// character is not in the alphabet.
bool append_unmapped(std::string_view text, std::string& out);

}  // namespace saker::byte_alphabet
