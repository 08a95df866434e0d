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

// The bytes in the order of their symbols' code points, in which vocabularies list them.
constexpr std::array<unsigned char, 256> make_ordered() {
  std::array<unsigned char, 256> ordered{};
  size_t rank = 0;
  for (char32_t symbol = 0; symbol <= last_symbol; ++symbol)
    for (size_t byte = 0; byte < symbols.size(); ++byte)
      if (symbols[byte] == symbol) ordered[rank++] = static_cast<unsigned char>(byte);
  return ordered;
}
inline constexpr std::array<unsigned char, 256> ordered = make_ordered();

// Place of each byte in that order.
constexpr std::array<unsigned char, 256> make_ranks() {
  std::array<unsigned char, 256> ranks{};
  for (size_t rank = 0; rank < ordered.size(); ++rank) ranks[ordered[rank]] = static_cast<unsigned char>(rank);
  return ranks;
}
inline constexpr std::array<unsigned char, 256> ranks = make_ranks();

// Appends the symbols of `bytes` as UTF-8.
void append_mapped(std::string_view bytes, std::string& out);
std::string mapped(std::string_view bytes);

// Appends the bytes for which `text` (valid UTF-8) stands and returns true; returns false and appends nothing if a
// character is not in the alphabet.
bool append_unmapped(std::string_view text, std::string& out);

}  // namespace saker::byte_alphabet
