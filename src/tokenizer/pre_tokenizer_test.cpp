#include "tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tokenizer/test_models.h"

namespace saker {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

Words words(const json& value, std::string_view text) {
  return PreTokenizer::from_json(value).words(text);
}

json split_by(const json& pattern, const char* behavior, bool invert = false) {
  return {{"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}, {"invert", invert}};
}

TEST(PreTokenizer, ByteLevel) {
  EXPECT_EQ(words(test::byte_level(), "I'll go  there"), (Words{"I", "'ll", "Ġgo", "Ġ", "Ġthere"}));
  EXPECT_EQ(words(test::byte_level(true), "go"), Words{"Ġgo"});
  EXPECT_EQ(words(test::byte_level(true), " go"), Words{"Ġgo"});
  EXPECT_EQ(words(test::byte_level(true), "\ngo"), (Words{"Ġ", "Ċ", "go"}));
  EXPECT_EQ(words(test::byte_level(false, false), "a é"), Words{"aĠÃ©"});
  EXPECT_EQ(words(test::byte_level(), ""), Words{});
}

TEST(PreTokenizer, DigitsAndPunctuation) {
  const auto digits = [](bool individual) { return json{{"type", "Digits"}, {"individual_digits", individual}}; };
  EXPECT_EQ(words(digits(false), "a12½b"), (Words{"a", "12½", "b"}));
  EXPECT_EQ(words(digits(true), "a12"), (Words{"a", "1", "2"}));
  EXPECT_EQ(words({{"type", "Punctuation"}}, "a?!«b"), (Words{"a", "?", "!", "«", "b"}));
  EXPECT_EQ(words({{"type", "Punctuation"}, {"behavior", "Contiguous"}}, "a$+—b"), (Words{"a", "$+—", "b"}));
  EXPECT_EQ(words({{"type", "Punctuation"}, {"behavior", "Removed"}}, "a.b"), (Words{"a", "b"}));
  EXPECT_EQ(words({{"type", "Punctuation"}}, "a\u2E43"), (Words{"a\u2E43"})) << "newer than the reference's table";
}

TEST(PreTokenizer, SplitByLiteralAndExpression) {
  EXPECT_EQ(words(split_by({{"String", "b"}}, "MergedWithPrevious"), "abcb"), (Words{"ab", "cb"}));
  EXPECT_EQ(words(split_by({{"Regex", "[0-9]+"}}, "Removed"), "a12b"), (Words{"a", "b"}));
  EXPECT_EQ(words(split_by({{"Regex", "[0-9]+"}}, "Removed", true), "a12b"), (Words{"12"}));
  EXPECT_EQ(words(split_by({{"Regex", "b+"}}, "Contiguous", true), "abbc"), (Words{"a", "bb", "c"}));
  EXPECT_EQ(words(split_by({{"String", ""}}, "Isolated"), "ab"), (Words{"a", "b"}));
}

// Stages behind ByteLevel see symbols: the byte B2 of "ಲ" (E0 B2 B2) is "²", a number.
TEST(PreTokenizer, StagesBehindByteLevelSeeSymbols) {
  const json sequence = {
      {"type", "Sequence"},
      {"pretokenizers", json::array({test::byte_level(), {{"type", "Digits"}, {"individual_digits", false}}})}};
  EXPECT_EQ(words(sequence, "ಲ"), (Words{"à", "²²"}));
}

TEST(PreTokenizer, UnknownStagesAreErrors) {
  EXPECT_THROW(words({{"type", "Metaspace"}}, ""), Error);
  EXPECT_THROW(words({{"type", "Digits"}}, ""), Error) << "a field is missing";
  EXPECT_THROW(words({{"type", "Punctuation"}, {"behavior", "Torn"}}, ""), Error);
  EXPECT_THROW(words(split_by({{"Glob", "*"}}, "Isolated"), ""), Error);
  EXPECT_THROW(words(split_by({{"Regex", "("}}, "Isolated"), ""), Error);
}

}  // namespace
}  // namespace saker
