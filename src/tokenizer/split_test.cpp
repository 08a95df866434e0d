#include "tokenizer/split.h"

#include <gtest/gtest.h>

#include <string>

namespace saker {
namespace {

using Pieces = std::vector<std::string>;

Pieces cut(std::string_view text, SplitBehavior behavior) {
  Pieces out;
  for (const auto& [begin, end] : split(literal_segments(text, "-"), behavior))
    out.emplace_back(text.substr(begin, end - begin));
  return out;
}

TEST(Split, EveryBehavior) {
  const std::string_view text = "the-final--countdown";
  EXPECT_EQ(cut(text, SplitBehavior::removed), (Pieces{"the", "final", "countdown"}));
  EXPECT_EQ(cut(text, SplitBehavior::isolated), (Pieces{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(cut(text, SplitBehavior::merged_with_previous), (Pieces{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(cut(text, SplitBehavior::merged_with_next), (Pieces{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(cut(text, SplitBehavior::contiguous), (Pieces{"the", "-", "final", "--", "countdown"}));
}

TEST(Split, DelimitersAtTheEdges) {
  EXPECT_EQ(cut("-a-", SplitBehavior::merged_with_previous), (Pieces{"-", "a-"}));
  EXPECT_EQ(cut("-a-", SplitBehavior::merged_with_next), (Pieces{"-a", "-"}));
  EXPECT_EQ(cut("--", SplitBehavior::contiguous), (Pieces{"--"}));
  EXPECT_EQ(cut("", SplitBehavior::isolated), Pieces{});
}

TEST(Split, CharactersAreWhole) {
  const std::string text = "é1é";
  const auto segments = character_segments(text, [](char32_t c) { return c == U'é'; });
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_EQ(segments[0].span, (Span{0, 2}));
  EXPECT_TRUE(segments[0].is_delimiter);
  EXPECT_EQ(segments[1].span, (Span{2, 3}));
}

}  // namespace
}  // namespace saker
