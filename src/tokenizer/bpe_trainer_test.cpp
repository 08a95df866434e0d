#include "tokenizer/bpe_trainer.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace saker {
namespace {

using Words = std::vector<CountedWord>;
using Merges = std::vector<BpeMerge>;

void no_progress(int64_t) {}

TrainedBpe train(const Words& words, size_t merges, int64_t min_count = 1, std::vector<std::string> taken = {}) {
  return train_bpe(words, {.most_merges = merges, .min_count = min_count, .taken = std::move(taken)}, no_progress);
}

int32_t byte(char c) {
  return byte_alphabet::ranks[static_cast<unsigned char>(c)];
}

// The example of the paper: e s, es t, l o, lo w; the counts of es and st, and of lo and ow, are equal.
TEST(BpeTrainer, ByHand) {
  const Words words{{"low", 5}, {"lower", 2}, {"newest", 6}, {"widest", 3}};
  const TrainedBpe trained = train(words, 4);
  EXPECT_EQ(trained.merges,
            (Merges{{byte('e'), byte('s')}, {256, byte('t')}, {byte('l'), byte('o')}, {258, byte('w')}}));
  EXPECT_EQ(trained.tokens, 5 * 1 + 2 * 3 + 6 * 4 + 3 * 4);
}

TEST(BpeTrainer, OccurrencesThatOverlapMergeFromTheLeft) {
  const TrainedBpe trained = train({{"aaaaa", 1}}, 2);
  EXPECT_EQ(trained.merges, (Merges{{byte('a'), byte('a')}, {256, byte('a')}}));  // aa aa a: (aa, a) before (aa, aa)
  EXPECT_EQ(trained.tokens, 2);
}

TEST(BpeTrainer, EndsWhenPairsAreRareOrTaken) {
  EXPECT_EQ(train({{"ab", 2}, {"cd", 1}}, 10, 2).merges, (Merges{{byte('a'), byte('b')}}));
  EXPECT_EQ(train({{"ab", 2}, {"cd", 1}}, 10, 1, {"ab"}).merges, (Merges{{byte('c'), byte('d')}}));
  EXPECT_TRUE(train({}, 10).merges.empty());
}

TEST(BpeTrainer, BytesAreOrderedByTheirSymbols) {
  EXPECT_EQ(byte('!'), 0);
  EXPECT_EQ(byte('\xFF'), 187);
  EXPECT_EQ(byte('\0'), 188);
  EXPECT_EQ(byte(' '), 220);
}

// The definition: all pairs are counted again for each merge.
TrainedBpe train_by_definition(const Words& words, size_t most_merges, int64_t min_count) {
  std::vector<std::vector<int32_t>> texts;
  std::vector<std::string> tokens;
  for (const unsigned char b : byte_alphabet::ordered) tokens.emplace_back(1, static_cast<char>(b));
  for (const CountedWord& word : words) {
    texts.emplace_back();
    for (const char c : word.bytes) texts.back().push_back(byte(c));
  }
  std::set<std::string> made;
  TrainedBpe trained{};
  while (trained.merges.size() < most_merges) {
    std::map<std::pair<int32_t, int32_t>, int64_t> counts;
    for (size_t w = 0; w < texts.size(); ++w)
      for (size_t i = 0; i + 1 < texts[w].size(); ++i) counts[{texts[w][i], texts[w][i + 1]}] += words[w].count;
    const auto bytes = [&](const auto& pair) {
      return tokens[static_cast<size_t>(pair.first)] + tokens[static_cast<size_t>(pair.second)];
    };
    std::pair<int32_t, int32_t> best;
    int64_t best_count = min_count - 1;
    for (const auto& [pair, count] : counts)
      if (count > best_count && !made.contains(bytes(pair))) {
        best = pair;
        best_count = count;
      }
    if (best_count < min_count) break;
    made.insert(bytes(best));
    tokens.push_back(bytes(best));
    trained.merges.push_back({best.first, best.second});
    for (auto& text : texts)
      for (size_t i = 0; i + 1 < text.size(); ++i)
        if (text[i] == best.first && text[i + 1] == best.second) {
          text[i] = static_cast<int32_t>(tokens.size()) - 1;
          text.erase(text.begin() + static_cast<ptrdiff_t>(i) + 1);
        }
  }
  for (size_t w = 0; w < texts.size(); ++w) trained.tokens += words[w].count * static_cast<int64_t>(texts[w].size());
  return trained;
}

TEST(BpeTrainer, RandomWordsByDefinition) {
  std::mt19937 random(11);
  size_t merges = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const unsigned letters = 1 + random() % 4;
    std::map<std::string, int64_t> counts;
    for (size_t n = random() % 30; n > 0; --n) {
      std::string word(1 + random() % 30, ' ');
      for (char& c : word) c = static_cast<char>('a' + random() % letters);
      counts[word] += 1 + random() % 4;
    }
    Words words;
    for (const auto& [word, count] : counts) words.push_back({word, count});
    const auto min_count = static_cast<int64_t>(1 + random() % 3);
    const TrainedBpe found = train(words, 60, min_count), expected = train_by_definition(words, 60, min_count);
    ASSERT_EQ(found.merges, expected.merges) << trial;
    ASSERT_EQ(found.tokens, expected.tokens) << trial;
    merges += found.merges.size();
  }
  EXPECT_GT(merges, 3000u);
}

TEST(BpeTrainer, ProgressCountsMergesAndMayEndThem) {
  const auto stop_at_two = [](int64_t merges) {
    if (merges == 2) throw std::runtime_error("stop");
  };
  EXPECT_THROW(train_bpe(Words{{"abcd", 1}}, {.most_merges = 3}, stop_at_two), std::runtime_error);
}

}  // namespace
}  // namespace saker
