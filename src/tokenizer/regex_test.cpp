#include "tokenizer/regex.h"

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"

namespace saker {
namespace {

using Pieces = std::vector<std::string>;

Pieces matches(std::string_view pattern, std::string_view text) {
  Pieces out;
  for (const auto& [span, is_match] : Regex(pattern).segments(text))
    if (is_match) out.emplace_back(text.substr(span.begin, span.end - span.begin));
  return out;
}

TEST(Regex, UnicodeClassesAndLookahead) {
  EXPECT_EQ(matches(R"(\p{L}+)", "Führer 状態 x1"), (Pieces{"Führer", "状態", "x"}));
  EXPECT_EQ(matches(R"(\s+(?!\S))", "a   b "), (Pieces{"  ", " "}));
  EXPECT_EQ(matches(R"((?i:'s))", "'S 'ſ"), (Pieces{"'S", "'ſ"}));
}

// What the reference library answers: the empty match at 0 counts, the next after "aa" does not, the last does.
TEST(Regex, EmptyMatches) {
  const auto segments = Regex("a*").segments("baab");
  std::vector<Span> found;
  for (const auto& segment : segments)
    if (segment.is_delimiter) found.push_back(segment.span);
  EXPECT_EQ(found, (std::vector<Span>{{0, 0}, {1, 3}, {4, 4}}));
}

TEST(Regex, SegmentsCoverTheText) {
  const auto segments = Regex("b+").segments("abba");
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_EQ(segments[0].span, (Span{0, 1}));
  EXPECT_EQ(segments[1].span, (Span{1, 3}));
  EXPECT_EQ(segments[2].span, (Span{3, 4}));
  EXPECT_TRUE(Regex("b").segments("").empty());
}

TEST(Regex, BadPatternsAreErrors) {
  EXPECT_THROW(Regex("(unclosed"), Error);
  EXPECT_THROW(Regex(R"(\p{NoSuchProperty})"), Error);
}

TEST(Regex, ExponentialPatternsGiveUp) {
  EXPECT_THROW(Regex("(a+)+$").segments(std::string(60, 'a') + "b"), Error);
}

TEST(Regex, LongRunsAreNoReasonToGiveUp) {
  const std::string spaces(2'000'000, ' ');
  EXPECT_EQ(Regex(R"(\s*[\r\n]+|\s+(?!\S)|\s+)").segments(spaces).size(), 1u);
}

}  // namespace
}  // namespace saker
