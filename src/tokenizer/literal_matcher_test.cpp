#include "tokenizer/literal_matcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace saker {
namespace {

TEST(LiteralMatcher, LeftmostThenLongest) {
  const LiteralMatcher matcher({{"ab", 0}, {"abcd", 1}, {"bc", 2}});
  LiteralMatcher::Match match;
  ASSERT_TRUE(matcher.find("xxabcx", 0, match));
  EXPECT_EQ(match.begin, 2u);
  EXPECT_EQ(match.end, 4u);
  EXPECT_EQ(match.value, 0);
  ASSERT_TRUE(matcher.find("xxabcdx", 0, match));
  EXPECT_EQ(match.value, 1);
  ASSERT_TRUE(matcher.find("abc", 1, match));
  EXPECT_EQ(match.value, 2);
  EXPECT_FALSE(matcher.find("a b c", 0, match));
  EXPECT_TRUE(LiteralMatcher().empty());
}

TEST(LiteralMatcher, AgreesWithASearchOfEachLiteral) {
  std::mt19937 random(3);
  const auto text_of = [&](size_t most) {
    std::string text(1 + random() % most, ' ');
    for (char& c : text) c = static_cast<char>("ab\xC3"[random() % 3]);
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::pair<std::string, int32_t>> literals;
    for (int32_t i = 0; i < 8; ++i) {
      const std::string literal = text_of(5);
      if (std::ranges::find(literals, literal, [](const auto& l) { return l.first; }) == literals.end())
        literals.emplace_back(literal, i);
    }
    const LiteralMatcher matcher(literals);
    const std::string text = text_of(30);
    size_t begin = 0, length = 0;
    int32_t value = -1;
    for (; begin < text.size() && value < 0; ++begin)
      for (const auto& [literal, v] : literals)
        if (text.compare(begin, literal.size(), literal) == 0 && literal.size() > length)
          length = literal.size(), value = v;
    LiteralMatcher::Match match;
    ASSERT_EQ(matcher.find(text, 0, match), value >= 0);
    if (value < 0) continue;
    ASSERT_EQ(match.begin, begin - 1);
    ASSERT_EQ(match.end - match.begin, length);
    ASSERT_EQ(match.value, value);
  }
}

}  // namespace
}  // namespace saker
