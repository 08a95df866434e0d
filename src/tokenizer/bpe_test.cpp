#include "tokenizer/bpe.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <random>

#include "core/error.h"
#include "tokenizer/test_models.h"

namespace saker {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

Ids encode(const Bpe& bpe, std::string_view word) {
  BpeScratch scratch;
  Ids ids;
  bpe.encode(word, scratch, ids);
  return ids;
}

Bpe load(const json& model) {
  return Bpe::from_json(model, true);
}

TEST(Bpe, LowestRankFirstThenLeftmost) {
  const Bpe bpe = load(test::tiny_document({{"b", "c"}, {"a", "b"}, {"a", "a"}}).at("model"));
  EXPECT_EQ(encode(bpe, "abc"), (Ids{'a', 256})) << "bc ranks before ab";
  EXPECT_EQ(encode(bpe, "abab"), (Ids{257, 257}));
  EXPECT_EQ(encode(bpe, "aaa"), (Ids{258, 'a'}));
  EXPECT_EQ(encode(bpe, ""), Ids{});
}

TEST(Bpe, BothEncodingsOfMerges) {
  json model = test::tiny_document({{"a", "b"}}).at("model");
  model["merges"] = json::array({"#version: 0.2", "a b"});
  EXPECT_EQ(encode(load(model), "ab"), Ids{256});
}

TEST(Bpe, DropsCharactersWithoutTokenBeforeMerging) {
  const json model = {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}}, {"merges", json::array({"a b"})}};
  EXPECT_EQ(encode(load(model), "axxb"), Ids{2});
}

TEST(Bpe, IgnoreMergesTakesWholeTokens) {
  json model = test::tiny_document({{"a", "b"}, {"b", "c"}}).at("model");
  model["vocab"]["abc"] = 300;
  EXPECT_EQ(encode(load(model), "abc"), (Ids{256, 'c'}));
  model["ignore_merges"] = true;
  EXPECT_EQ(encode(load(model), "abc"), Ids{300});
  EXPECT_EQ(encode(load(model), "abcc"), (Ids{256, 'c', 'c'}));
}

// The definition, one merge at a time.
Ids merge_by_definition(const std::vector<std::pair<std::string, std::string>>& merges, const Bpe& bpe,
                        const std::string& word) {
  std::vector<std::string> symbols;
  for (const char c : word) symbols.emplace_back(1, c);
  for (const auto& [left, right] : merges) {  // a product only ever merges at a later rank here
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      if (symbols[i] != left || symbols[i + 1] != right) continue;
      symbols[i] += right;
      symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(i) + 1);
    }
  }
  Ids ids;
  for (const auto& symbol : symbols) ids.push_back(*bpe.vocabulary().id(symbol));
  return ids;
}

TEST(Bpe, ShortAndLongWordsByDefinition) {
  const std::vector<std::pair<std::string, std::string>> merges = {
      {"a", "b"}, {"b", "a"}, {"ab", "c"}, {"c", "c"}, {"ab", "ab"}, {"abab", "c"}, {"ba", "abc"}, {"cc", "cc"}};
  const Bpe bpe = load(test::tiny_document(merges).at("model"));
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string word(random() % 200, ' ');
    for (char& c : word) c = static_cast<char>('a' + random() % 3);
    ASSERT_EQ(encode(bpe, word), merge_by_definition(merges, bpe, word)) << word;
  }
}

TEST(Bpe, AMillionCharactersAreNoTrouble) {
  std::vector<std::pair<std::string, std::string>> merges;
  for (std::string a = "a"; a.size() < 128; a += a) merges.emplace_back(a, a);
  const Bpe bpe = load(test::tiny_document(merges).at("model"));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(encode(bpe, std::string(1 << 20, 'a')), Ids(1 << 13, 262));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20))
      << "n log n takes a fraction of a second";
}

TEST(Bpe, FieldsWithAnEffectAreErrors) {
  const json good = test::tiny_document().at("model");
  const auto with = [&](const char* field, const json& value) {
    json model = good;
    model[field] = value;
    return model;
  };
  EXPECT_NO_THROW(load(with("dropout", nullptr)));
  EXPECT_NO_THROW(load(with("unk_token", ""))) << "every byte has a token";
  EXPECT_NO_THROW(load(with("continuing_subword_prefix", "")));
  EXPECT_THROW(load(with("dropout", 0.1)), Error);
  EXPECT_THROW(load(with("continuing_subword_prefix", "##")), Error);
  EXPECT_THROW(load(with("end_of_word_suffix", "</w>")), Error);
  EXPECT_THROW(load(with("type", "WordPiece")), Error);
  EXPECT_THROW(load(with("new_field", 1)), Error);
  EXPECT_THROW(Bpe::from_json(with("unk_token", "a"), false), Error) << "words may hold other characters";
  json hole = with("unk_token", "a");
  hole["vocab"].erase("z");
  EXPECT_THROW(load(hole), Error) << "a byte has no token";
}

TEST(Bpe, BrokenModelsAreErrors) {
  const auto model = [](const json& vocab, const json& merges) {
    return json{{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}};
  };
  EXPECT_THROW(load(model({{"a", -1}}, json::array())), Error);
  EXPECT_THROW(load(model({{"a", 1.5}}, json::array())), Error);
  EXPECT_THROW(load(model({{"a", 4000000000u}}, json::array())), Error);
  EXPECT_THROW(load(model({{"a", 0}, {"b", 0}}, json::array())), Error);
  EXPECT_THROW(load(model(json::array(), json::array())), Error);
  EXPECT_THROW(load(model({{"a", 0}, {"b", 1}}, json::array({"a b"}))), Error) << "no product";
  EXPECT_THROW(load(model({{"a", 0}}, json::array({"a b"}))), Error);
  EXPECT_THROW(load(model({{"a", 0}}, json::array({"a"}))), Error);
  EXPECT_THROW(load(model({{"a", 0}}, json::array({"a a a"}))), Error);
  EXPECT_THROW(load(model({{"a", 0}}, json::array({json::array({"a"})}))), Error);
}

}  // namespace
}  // namespace saker
