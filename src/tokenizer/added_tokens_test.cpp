#include "tokenizer/added_tokens.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tokenizer/test_models.h"

namespace saker {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;
using test::added_token;

// A tiny tokenizer (256 bytes) whose tokens 256, 257, ... are `contents` with `flags`.
Tokenizer with_added(std::initializer_list<const char*> contents, const json& flags = json::object(),
                     const json& normalizer = nullptr) {
  json document = test::tiny_document();
  document["normalizer"] = normalizer;
  int id = 256;
  for (const char* content : contents) document["added_tokens"].push_back(added_token(id++, content, flags));
  return test::load(document);
}

Ids encode(const Tokenizer& tokenizer, std::string_view text) {
  return tokenizer.encode(text, true);
}

TEST(AddedTokens, LongestAtTheLeftmostPlace) {
  const auto tokenizer = with_added({"<a>", "<a><b>", "b>"});
  EXPECT_EQ(encode(tokenizer, "x<a><b>"), (Ids{'x', 257}));
  EXPECT_EQ(encode(tokenizer, "<a><b"), (Ids{256, '<', 'b'}));
  EXPECT_EQ(encode(tokenizer, "<a"), (Ids{'<', 'a'}));
}

TEST(AddedTokens, StripTakesWhiteSpace) {
  EXPECT_EQ(encode(with_added({"<t>"}, {{"lstrip", true}}), "a \u3000<t> b"), (Ids{'a', 256, ' ', 'b'}));
  EXPECT_EQ(encode(with_added({"<t>"}, {{"rstrip", true}}), "a <t>\n\tb"), (Ids{'a', ' ', 256, 'b'}));
  EXPECT_EQ(encode(with_added({"<t>"}, {{"lstrip", true}, {"rstrip", true}}), " <t>  <t> "), (Ids{256, 256}));
}

TEST(AddedTokens, SingleWordStandsAlone) {
  const auto tokenizer = with_added({"ab"}, {{"single_word", true}});
  EXPECT_EQ(encode(tokenizer, "ab"), Ids{256});
  EXPECT_EQ(encode(tokenizer, "ab.ab"), (Ids{256, '.', 256}));
  EXPECT_EQ(encode(tokenizer, "xab"), (Ids{'x', 'a', 'b'}));
  EXPECT_EQ(encode(tokenizer, "ab_"), (Ids{'a', 'b', '_'}));
  EXPECT_EQ(encode(tokenizer, "abé").size(), 4u);
}

TEST(AddedTokens, NormalizedTokensAreFoundInNormalisedText) {
  const json lowercase = {{"type", "Lowercase"}};
  EXPECT_EQ(encode(with_added({"Tok"}, {{"normalized", true}}, lowercase), "a TOK"), (Ids{'a', ' ', 256}));
  EXPECT_EQ(encode(with_added({"Tok"}, json::object(), lowercase), "TokTOK"), (Ids{256, 't', 'o', 'k'}));
}

TEST(AddedTokens, ContentOfTheVocabularyKeepsItsId) {
  json document = test::tiny_document({{"a", "b"}});
  document["added_tokens"] = json::array({added_token(256, "ab", {{"special", true}}), added_token(257, "new")});
  const auto tokenizer = test::load(document);
  EXPECT_EQ(tokenizer.vocab_size(), 258u);
  EXPECT_TRUE(tokenizer.is_special(256));
  EXPECT_FALSE(tokenizer.is_special(257));
  EXPECT_EQ(tokenizer.token_to_id("new"), 257);
  EXPECT_EQ(tokenizer.id_to_token(257), "new");
}

TEST(AddedTokens, ContradictionsAreErrors) {
  const auto load_with = [](const std::vector<json>& tokens) {
    json document = test::tiny_document();
    document["added_tokens"] = tokens;
    return test::load(document);
  };
  EXPECT_THROW(load_with({added_token(300, "x y")}), Error) << "another place";
  EXPECT_THROW(load_with({added_token(5, "a")}), Error) << "the vocabulary's id is another";
  EXPECT_THROW(load_with({added_token(256, "xy"), added_token(257, "xy")}), Error);
  EXPECT_THROW(load_with({added_token(256, "xy", {{"colour", "red"}})}), Error);
  EXPECT_THROW(load_with({json{{"id", 256}, {"content", "xy"}}}), Error) << "flags are missing";
  EXPECT_THROW(load_with({added_token(256, std::string(5000, 'x'))}), Error);
  EXPECT_NO_THROW(load_with({added_token(256, "xy"), added_token(256, "xy")})) << "twice the same";
}

}  // namespace
}  // namespace saker
