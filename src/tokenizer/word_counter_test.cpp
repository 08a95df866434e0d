#include "tokenizer/word_counter.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "core/temporary_folder.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/random_text.h"
#include "tokenizer/test_models.h"

namespace saker {
namespace {

using Words = std::vector<CountedWord>;

PreTokenizer pre_tokenizer(const std::vector<test::json>& stages) {
  return PreTokenizer::from_json({{"type", "Sequence"}, {"pretokenizers", stages}});
}

TEST(WordCounter, CutsAtSpecialTokensAndIntoWords) {
  WordCounter counter(pre_tokenizer({test::byte_level()}), {"<s>", "<s>>"}, 1);
  counter.add("a b<s>b b<s>>");
  counter.add("");
  counter.add("<s>a");
  EXPECT_EQ(counter.finish(), (Words{{" b", 2}, {"a", 2}, {"b", 1}}));
  EXPECT_EQ(counter.special_tokens(), 3);
  EXPECT_EQ(counter.bytes(), 13 + 4);
}

// More text than a batch holds, beside the stages as they are defined.
TEST(WordCounter, ThreadsAndBatchesDoNotCount) {
  const PreTokenizer stages =
      pre_tokenizer({test::json{{"type", "Punctuation"}, {"behavior", "Contiguous"}}, test::byte_level(),
                     test::json{{"type", "Digits"}, {"individual_digits", false}}});
  std::mt19937 random(5);
  std::vector<std::string> texts(200);
  std::map<std::string, int64_t> expected;
  constexpr int kRounds = 1000;
  for (std::string& text : texts) {
    text = test::random_text(random, 100);
    for (const std::string& word : stages.words(text)) {
      std::string bytes;
      ASSERT_TRUE(byte_alphabet::append_unmapped(word, bytes));
      expected[bytes] += kRounds;
    }
  }
  for (const int threads : {1, 3}) {
    WordCounter counter(stages, {}, threads);
    for (int round = 0; round < kRounds; ++round)
      for (const std::string& text : texts) counter.add(text);
    EXPECT_GT(counter.bytes(), 20'000'000);
    Words words;
    for (const auto& [word, count] : expected) words.push_back({word, count});
    EXPECT_EQ(counter.finish(), words);
  }
}

TEST(WordCounter, RefusesStagesWithoutACutter) {
  for (const PreTokenizer& stages : {PreTokenizer(), pre_tokenizer({test::byte_level(true)})})
    EXPECT_NE(error_of([&] { WordCounter(stages, {}, 1); }).find("training is not supported"), std::string::npos);
}

}  // namespace
}  // namespace saker
