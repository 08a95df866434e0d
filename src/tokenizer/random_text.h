// Random texts that look for trouble: pieces of every script, edges, controls and marks.
#pragma once

#include <random>
#include <string>

#include "tokenizer/regex.h"
#include "tokenizer/utf8.h"

namespace saker::test {

// Whether Oniguruma knows the character: its Unicode is older than utf8proc's.
inline bool is_assigned(char32_t c) {
  static const Regex unassigned(R"(\p{Cn})");
  std::string text;
  utf8::append(c, text);
  return !unassigned.segments(text).front().is_delimiter;
}

inline char32_t random_character(std::mt19937& random) {
  struct Block {
    char32_t first, last;
  };
  static constexpr Block blocks[] = {
      {0, 0x7F},          {0x20, 0x7E},       {'0', '9'},         {' ', ' '},         {'\t', '\r'},
      {0x80, 0x17F},      {0x300, 0x36F},     {0x370, 0x58F},     {0x590, 0x6FF},     {0x900, 0x97F},
      {0xE00, 0xE7F},     {0x1100, 0x11FF},   {0x1E00, 0x1FFF},   {0x2000, 0x206F},   {0x2070, 0x24FF},
      {0x3000, 0x30FF},   {0x4E00, 0x4FFF},   {0xAC00, 0xACFF},   {0xA640, 0xA82F},   {0xFB00, 0xFFFD},
      {0x10000, 0x1077F}, {0x11000, 0x1193F}, {0x1D400, 0x1D7FF}, {0x1F100, 0x1F6FF}, {0xE0000, 0x10FFFF}};
  const Block block = blocks[random() % std::size(blocks)];
  const char32_t c = block.first + random() % (block.last - block.first + 1);
  return is_assigned(c) ? c : U' ';
}

inline std::string random_text(std::mt19937& random, size_t most_characters) {
  static constexpr const char* pieces[] = {
      "'s",   "'LL",   "'ve", "'\xC5\xBF", " ",  "  ",  "\n", "\r\n",      " \n ",     "123",          "4567",
      "word", " Word", "...", "?!",        "$+", "a1b", "_",  "e\xCC\x81", "\xC2\xA0", "\xE2\x80\x99", "\xC2\xBD"};
  std::string text;
  for (size_t n = random() % (most_characters + 1); n > 0; --n) {
    if (random() % 3 == 0)
      text += pieces[random() % std::size(pieces)];
    else
      utf8::append(random_character(random), text);
  }
  return text;
}

}  // namespace saker::test
