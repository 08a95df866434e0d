#include "tokenizer/fast_splitter.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/cutters.h"
#include "tokenizer/random_text.h"
#include "tokenizer/test_models.h"

namespace saker {
namespace {

using nlohmann::json;

json digits(bool individual) {
  return {{"type", "Digits"}, {"individual_digits", individual}};
}
json punctuation(const char* behavior) {
  return {{"type", "Punctuation"}, {"behavior", behavior}};
}
json expression(const char* source) {
  return {{"type", "Split"}, {"pattern", {{"Regex", source}}}, {"behavior", "Isolated"}, {"invert", false}};
}
json sequence(const json& stages) {
  return {{"type", "Sequence"}, {"pretokenizers", stages}};
}

std::vector<std::string> fast_words(const FastSplitter& splitter, std::string text) {
  std::vector<std::string> words;
  if (splitter.add_prefix_space() && !text.empty() && text[0] != ' ') text.insert(0, 1, ' ');
  splitter.for_each_word(text,
                         [&](std::string_view word) { byte_alphabet::append_mapped(word, words.emplace_back()); });
  return words;
}

void expect_same_words(const json& value) {
  const auto specification = PreTokenizer::from_json(value);
  const auto splitter = FastSplitter::compile(specification.stages());
  ASSERT_TRUE(splitter) << value;
  std::mt19937 random(20261124);
  for (int i = 0; i < 3000; ++i) {
    const std::string text = test::random_text(random, 40);
    ASSERT_EQ(fast_words(*splitter, text), specification.words(text)) << value << "\n" << text;
  }
}

TEST(FastSplitter, ByteLevelAlone) {
  expect_same_words(test::byte_level());
  expect_same_words(test::byte_level(true));
  expect_same_words(test::byte_level(false, false));
}

TEST(FastSplitter, FalconSequence) {
  expect_same_words(sequence(
      {punctuation("Contiguous"), test::byte_level(), digits(false), expression(cutters::three_digits_expression)}));
}

TEST(FastSplitter, KnownExpressions) {
  expect_same_words(sequence({expression(cutters::llama3_expression), test::byte_level(false, false)}));
  expect_same_words(sequence({expression(cutters::qwen2_expression), test::byte_level(false, false)}));
  expect_same_words(sequence({expression(gpt2_expression.data()), test::byte_level(false, false)}));
}

TEST(FastSplitter, StagesBeforeAndBehindByteLevel) {
  expect_same_words(sequence({digits(true), punctuation("Isolated"), test::byte_level()}));
  expect_same_words(sequence({digits(false), expression(cutters::three_digits_expression), test::byte_level()}));
  expect_same_words(sequence({test::byte_level(), digits(true)}));
  expect_same_words(sequence({test::byte_level(), punctuation("Isolated")}));
  expect_same_words(sequence({test::byte_level(), punctuation("Contiguous")}));
}

TEST(FastSplitter, LeavesTheRestToTheSpecification) {
  const auto compiles = [](const json& value) {
    return FastSplitter::compile(PreTokenizer::from_json(value).stages()).has_value();
  };
  EXPECT_FALSE(compiles(nullptr));
  EXPECT_FALSE(compiles(digits(true))) << "no bytes";
  EXPECT_FALSE(compiles(sequence({expression("x"), test::byte_level()})));
  EXPECT_FALSE(compiles(sequence({punctuation("Removed"), test::byte_level()})));
  EXPECT_FALSE(compiles(sequence({digits(true), test::byte_level(true)}))) << "a space before every piece";
  EXPECT_FALSE(compiles(sequence({test::byte_level(), test::byte_level()})));
  EXPECT_FALSE(compiles(sequence({test::byte_level(), expression(cutters::llama3_expression)})))
      << "symbols are not text";
}

}  // namespace
}  // namespace saker
