#include "tokenizer/utf8.h"

#include <gtest/gtest.h>

namespace saker::utf8 {
namespace {

std::string lossy(std::string_view bytes) {
  std::string out;
  append_lossy(bytes, out);
  return out;
}

TEST(Utf8, EveryCodePointGoesThereAndBack) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text = "x";
    append(c, text);
    const Character decoded = decode(text.data() + 1);
    ASSERT_EQ(decoded.code_point, c);
    ASSERT_EQ(decoded.length, text.size() - 1);
    ASSERT_EQ(decode_last(text).code_point, c);
    ASSERT_EQ(find_invalid(text), std::string_view::npos);
  }
}

TEST(Utf8, FindsTheFirstByteOfNoCharacter) {
  EXPECT_EQ(find_invalid("plain text, longer than a word"), std::string_view::npos);
  EXPECT_EQ(find_invalid("plain text, \xFF"), 12u);
  EXPECT_EQ(find_invalid("\xC0\x80"), 0u) << "overlong";
  EXPECT_EQ(find_invalid("a\xED\xA0\x80"), 1u) << "surrogate";
  EXPECT_EQ(find_invalid("\xF4\x90\x80\x80"), 0u) << "above U+10FFFF";
  EXPECT_EQ(find_invalid("\xC3\xA9\xE2\x82"), 2u) << "truncated";
}

TEST(Utf8, ReplacesEachMaximalPart) {
  const std::string r(replacement);
  EXPECT_EQ(lossy("a\xFF\xFEz"), "a" + r + r + "z");
  EXPECT_EQ(lossy("\xE2\x82z"), r + "z") << "one for the beginning of a character";
  EXPECT_EQ(lossy("\xED\xA0\x80"), r + r + r) << "A0 cannot follow ED";
  EXPECT_EQ(lossy("\xF0\x9F\x98"), r);
  EXPECT_EQ(lossy("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80");
}

}  // namespace
}  // namespace saker::utf8
