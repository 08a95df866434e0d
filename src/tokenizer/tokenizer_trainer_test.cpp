#include "tokenizer/tokenizer_trainer.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/temporary_folder.h"
#include "tokenizer/random_text.h"
#include "tokenizer/tokenizer.h"

namespace saker {
namespace {

void no_progress(int64_t) {}

// Words that come again, as a language has them.
std::vector<std::string> texts_of_few_words(uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::string> lexicon(200), texts(100);
  for (std::string& word : lexicon) word = test::random_text(random, 8);
  for (std::string& text : texts)
    for (int i = 0; i < 50; ++i) text += lexicon[std::min(random() % 200, random() % 200)] + " ";
  return texts;
}

TrainedTokenizer train(const std::vector<std::string>& texts, const TokenizerTraining& training) {
  TokenizerTrainer trainer(training);
  for (const std::string& text : texts) trainer.add(text);
  return trainer.train(no_progress);
}

TEST(TokenizerTrainer, AnyNumberOfThreadsWritesTheSameFile) {
  const auto texts = texts_of_few_words(1);
  const std::string one = train(texts, {.vocab_size = 800, .threads = 1}).json;
  for (const int threads : {2, 5}) EXPECT_EQ(train(texts, {.vocab_size = 800, .threads = threads}).json, one);
}

// The words of a text, merged in the order of training.
std::vector<int32_t> encode_by_merges(const Tokenizer& unmerged, const TrainedTokenizer& trained,
                                      const std::string& word) {
  std::vector<int32_t> ids = unmerged.encode(word, false);
  int32_t product = static_cast<int32_t>(unmerged.vocab_size());
  const int32_t shift = product - 256;  // the special tokens
  for (const auto& [left, right] : trained.merges) {
    for (size_t i = 0; i + 1 < ids.size(); ++i)
      if (ids[i] == left + shift && ids[i + 1] == right + shift) {
        ids[i] = product;
        ids.erase(ids.begin() + static_cast<ptrdiff_t>(i) + 1);
      }
    ++product;
  }
  return ids;
}

TEST(TokenizerTrainer, TheFileEncodesAsTrainingMerged) {
  const auto texts = texts_of_few_words(2);
  const TokenizerTraining training{.vocab_size = 700, .special_tokens = {"<|user|>"}};
  const TrainedTokenizer trained = train(texts, training);
  EXPECT_EQ(trained.vocab_size, 700);
  const Tokenizer tokenizer = Tokenizer::from_json(trained.json);
  const Tokenizer unmerged =
      Tokenizer::from_json(train(texts, {.vocab_size = 258, .special_tokens = training.special_tokens}).json);
  ASSERT_EQ(tokenizer.vocab_size(), 700u);
  int64_t tokens = 0;
  for (const std::string& text : texts) {
    const auto ids = tokenizer.encode(text, false);
    tokens += static_cast<int64_t>(ids.size());
    EXPECT_EQ(tokenizer.decode(ids, false), text);
  }
  EXPECT_EQ(trained.tokens, tokens);
  EXPECT_EQ(trained.bytes, std::accumulate(texts.begin(), texts.end(), int64_t{0}, [](int64_t sum, const auto& text) {
              return sum + static_cast<int64_t>(text.size());
            }));
  for (const std::string word : {" aaaaaaaaa", "123", "word", " Word", "été"})
    EXPECT_EQ(tokenizer.encode(word, false), encode_by_merges(unmerged, trained, word)) << word;
}

TEST(TokenizerTrainer, EveryByteAndSpecialTokenHasItsPlace) {
  const TrainedTokenizer trained =
      train({"<|user|> user<|endoftext|> <|user|> user"}, {.vocab_size = 300, .special_tokens = {"<|user|>", "user"}});
  const Tokenizer tokenizer = Tokenizer::from_json(trained.json);
  EXPECT_EQ(trained.vocab_size, 3 + 256) << "no pair is left";
  EXPECT_EQ(trained.tokens, 8);
  EXPECT_EQ(tokenizer.token_to_id("<|endoftext|>"), 0);
  EXPECT_EQ(tokenizer.token_to_id("<|user|>"), 1);
  EXPECT_EQ(tokenizer.token_to_id("user"), 2);
  EXPECT_EQ(tokenizer.token_to_id("!"), 3);
  EXPECT_TRUE(tokenizer.is_special(1));
  std::string ascii;
  for (char c = 0; c < 127; ++c) ascii += c;
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(ascii, true), true), ascii);
}

// "ĠA" is a special token here, and " A" a word whose symbols read the same.
TEST(TokenizerTrainer, NoProductReadsLikeASpecialToken) {
  const TrainedTokenizer trained = train({" AB AB AB"}, {.vocab_size = 300, .special_tokens = {"ĠA"}});
  const Tokenizer tokenizer = Tokenizer::from_json(trained.json);
  EXPECT_EQ(tokenizer.token_to_id("ĠA"), 1);
  EXPECT_EQ(tokenizer.encode(" AB", false).size(), 1u) << "by way of AB";
}

TEST(TokenizerTrainer, RefusesWhatCannotBe) {
  const auto error = [](const TokenizerTraining& training) { return error_of([&] { TokenizerTrainer{training}; }); };
  EXPECT_EQ(error({.vocab_size = 257}), "");
  EXPECT_NE(error({.vocab_size = 256}).find("at least 257"), std::string::npos);
  for (const std::string token : {"", "a", "Ġ", "\xFF", "<|endoftext|>"})
    EXPECT_NE(error({.vocab_size = 300, .special_tokens = {token}}).find("special tokens that are"), std::string::npos)
        << token;
  EXPECT_NE(error({.vocab_size = 300, .special_tokens = {std::string(1025, 'x')}}), "");
  EXPECT_NE(error({.vocab_size = 300, .min_count = 0}), "");
  EXPECT_NE(error({.vocab_size = 300, .threads = 0}), "");
  EXPECT_NE(error_of([] { train({"", ""}, {.vocab_size = 300}); }).find("expected text"), std::string::npos);
}

}  // namespace
}  // namespace saker
