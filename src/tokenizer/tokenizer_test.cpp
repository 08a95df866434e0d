#include "tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "core/error.h"
#include "tokenizer/encoder.h"
#include "tokenizer/random_text.h"
#include "tokenizer/test_models.h"

namespace saker {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Tokenizer, EncodesAndDecodes) {
  const auto tokenizer = test::load(test::tiny_document({{"h", "e"}, {"Ġ", "he"}}));
  EXPECT_EQ(tokenizer.encode("he he", false), (Ids{256, 257}));
  EXPECT_EQ(tokenizer.encode("", true), Ids{});
  EXPECT_EQ(tokenizer.decode(Ids{256, 257}, false), "he he");
  EXPECT_EQ(tokenizer.vocab_size(), 258u);
  EXPECT_EQ(tokenizer.token_to_id("Ġhe"), 257);
  EXPECT_EQ(tokenizer.id_to_token(257), "Ġhe");
  EXPECT_EQ(tokenizer.token_bytes(257), " he");
  EXPECT_FALSE(tokenizer.token_to_id(" he"));
  EXPECT_FALSE(tokenizer.id_to_token(258));
  EXPECT_FALSE(tokenizer.id_to_token(-1));
  EXPECT_EQ(tokenizer.token_bytes(1 << 30), "");
}

TEST(Tokenizer, AppendsToWhatIsThere) {
  const auto tokenizer = test::load(test::tiny_document());
  Ids ids = {1, 2};
  tokenizer.encode_to("ab", false, ids);
  EXPECT_EQ(ids, (Ids{1, 2, 'a', 'b'}));
}

TEST(Tokenizer, InvalidUtf8IsAnErrorThatSaysWhere) {
  const auto tokenizer = test::load(test::tiny_document());
  EXPECT_EQ(message_of([&] { tokenizer.encode("ab\xFFz", false); }),
            R"([tokenizer] expected valid UTF-8, found "\xffz" at byte 2 of the text)");
}

TEST(Tokenizer, BatchIsEachTextByItself) {
  const auto tokenizer = test::load(test::tiny_document({{"h", "e"}}));
  std::vector<std::string> texts;
  std::mt19937 random(11);
  for (int i = 0; i < 200; ++i) texts.push_back(test::random_text(random, 30));
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto batch = tokenizer.encode_batch(views, true, 4);
  for (size_t i = 0; i < texts.size(); ++i) ASSERT_EQ(batch[i], tokenizer.encode(texts[i], true));
  EXPECT_TRUE(tokenizer.encode_batch({}, true, 4).empty());
  EXPECT_THROW(tokenizer.encode_batch(views, true, 0), Error);
  const std::vector<std::string_view> bad = {"a", "\xFF", "b"};
  EXPECT_THROW(tokenizer.encode_batch(bad, true, 2), Error);
}

TEST(Tokenizer, ManyThreadsShareOne) {
  const auto tokenizer = test::load(test::tiny_document({{"h", "e"}, {"he", "y"}}));
  const std::string text = "hey he hey hhe yyhe";
  const Ids expected = tokenizer.encode(text, false);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) ASSERT_EQ(tokenizer.encode(text, false), expected);
    });
}

// The cache of words and the cutters must not change a result: the same texts again, and without the fast way.
TEST(Tokenizer, FastEncoderEqualsTheSpecification) {
  json document = test::tiny_document({{"r", "d"}, {"w", "o"}, {"wo", "rd"}, {"Ġ", "word"}, {"1", "2"}, {"12", "3"}});
  document["added_tokens"].push_back(test::added_token(258, "word", {{"single_word", true}, {"normalized", true}}));
  document["normalizer"] = {{"type", "NFC"}};
  const auto make = [&](bool fast) {
    auto bpe = Bpe::from_json(document["model"], true);
    auto normalizer = Normalizer::from_json(document["normalizer"]);
    auto added = AddedTokens::from_json(document["added_tokens"], bpe.vocabulary(), normalizer);
    return Encoder(
        {std::move(added), std::move(normalizer), PreTokenizer::from_json(document["pre_tokenizer"]), std::move(bpe)},
        fast);
  };
  const Encoder fast = make(true), general = make(false);
  EXPECT_TRUE(fast.is_fast());
  EXPECT_FALSE(general.is_fast());
  std::mt19937 random(13);
  for (int i = 0; i < 3000; ++i) {
    const std::string text = test::random_text(random, 30);
    Ids expected, ids, again;
    general.encode(text, expected);
    fast.encode(text, ids);
    fast.encode(text, again);
    ASSERT_EQ(ids, expected) << text;
    ASSERT_EQ(again, expected) << text;
  }
}

TEST(Tokenizer, WhatWouldChangeAResultIsNamed) {
  const auto message = [](const char* field, const json& value) {
    json document = test::tiny_document();
    document[field] = value;
    return message_of([&] { test::load(document); });
  };
  EXPECT_EQ(message("truncation", {{"max_length", 5}}),
            "[tokenizer] truncation is not supported; set it to null in the file");
  EXPECT_EQ(message("padding", {{"pad_id", 0}}), "[tokenizer] padding is not supported; set it to null in the file");
  EXPECT_EQ(message("normalizer", {{"type", "BertNormalizer"}}),
            "[tokenizer] normalizer \"BertNormalizer\" is not supported");
  EXPECT_EQ(message("pre_tokenizer", {{"type", "Metaspace"}}),
            "[tokenizer] pre_tokenizer \"Metaspace\" is not supported");
  EXPECT_EQ(message("version", "2.0"), "[tokenizer] version \"2.0\" is not supported; 1.0 is");
  EXPECT_EQ(message("extra", 1), "[tokenizer] tokenizer.json: unknown field \"extra\"");
  EXPECT_EQ(message("model", nullptr), "[tokenizer] model \"BPE\": expected an object, found null");
}

TEST(Tokenizer, BrokenFilesAreErrors) {
  EXPECT_THROW(Tokenizer::from_json(""), Error);
  EXPECT_THROW(Tokenizer::from_json("{"), Error);
  EXPECT_THROW(Tokenizer::from_json("[]"), Error);
  EXPECT_THROW(Tokenizer::from_json("{}"), Error);
  EXPECT_THROW(Tokenizer::from_json("{\"model\": \"\xFF\"}"), Error);
  EXPECT_THROW(Tokenizer::from_json(std::string(100000, '[')), Error);
  EXPECT_THROW(Tokenizer::from_file("/no/such/file"), Error);
  EXPECT_THROW(Tokenizer::from_file("/"), Error);
}

TEST(Tokenizer, HostileExpressionsGiveUp) {
  json document = test::tiny_document();
  document["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", "(a+)+$"}}}, {"behavior", "Isolated"}, {"invert", false}};
  const auto tokenizer = test::load(document);
  EXPECT_THROW(tokenizer.encode(std::string(60, 'a') + "b", false), Error);
  EXPECT_EQ(tokenizer.encode("ab", false), (Ids{'a', 'b'})) << "and goes on with other texts";
}

}  // namespace
}  // namespace saker
