#include "tokenizer/utf8.h"

#include <cstring>

namespace saker::utf8 {
namespace {

struct Lead {
  unsigned char continuations;  // 0: ASCII or no lead byte
  unsigned char low, high;      // range of the first continuation byte
};

Lead describe(unsigned char lead) noexcept {
  if (lead < 0xC2 || lead > 0xF4) return {0, 0, 0};
  if (lead < 0xE0) return {1, 0x80, 0xBF};
  if (lead < 0xF0)
    return {2, static_cast<unsigned char>(lead == 0xE0 ? 0xA0 : 0x80),
            static_cast<unsigned char>(lead == 0xED ? 0x9F : 0xBF)};
  return {3, static_cast<unsigned char>(lead == 0xF0 ? 0x90 : 0x80),
          static_cast<unsigned char>(lead == 0xF4 ? 0x8F : 0xBF)};
}

}  // namespace

Sequence first_sequence(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {Kind::character, 1};
  auto [continuations, low, high] = describe(lead);
  if (continuations == 0) return {Kind::invalid, 1};
  for (size_t i = 1; i <= continuations; ++i, low = 0x80, high = 0xBF) {
    if (i == text.size()) return {Kind::truncated, i};
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < low || byte > high) return {Kind::invalid, i};
  }
  return {Kind::character, continuations + size_t{1}};
}

Character decode_last(std::string_view text) noexcept {
  size_t at = text.size() - 1;
  while ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return decode(text.data() + at);
}

void append(char32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      out += static_cast<char>(0xE0 | c >> 12);
    } else {
      out += static_cast<char>(0xF0 | c >> 18);
      out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    }
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
  }
  out += static_cast<char>(0x80 | (c & 0x3F));
}

size_t ascii_prefix(std::string_view text) noexcept {
  size_t i = 0;
  for (uint64_t word; i + sizeof word <= text.size(); i += sizeof word) {
    std::memcpy(&word, text.data() + i, sizeof word);
    if (word & 0x8080808080808080u) break;
  }
  while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
  return i;
}

size_t find_invalid(std::string_view text) noexcept {
  for (size_t i = 0; i < text.size();) {
    i += ascii_prefix(text.substr(i));
    while (i < text.size() && static_cast<unsigned char>(text[i]) >= 0x80) {
      const Sequence sequence = first_sequence(text.substr(i));
      if (sequence.kind != Kind::character) return i;
      i += sequence.length;
    }
  }
  return std::string_view::npos;
}

void append_lossy(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const size_t ascii = ascii_prefix(bytes);
    out += bytes.substr(0, ascii);
    bytes.remove_prefix(ascii);
    if (bytes.empty()) return;
    const Sequence sequence = first_sequence(bytes);
    out += sequence.kind == Kind::character ? bytes.substr(0, sequence.length) : replacement;
    bytes.remove_prefix(sequence.length);
  }
}

}  // namespace saker::utf8
