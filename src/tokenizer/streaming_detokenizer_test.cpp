#include "tokenizer/streaming_detokenizer.h"

#include <gtest/gtest.h>

#include <random>

#include "core/error.h"
#include "tokenizer/test_models.h"

namespace saker {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

Tokenizer tiny() {
  json document = test::tiny_document();
  document["added_tokens"] = {test::added_token(256, "<end>", {{"special", true}}), test::added_token(257, "word é")};
  return test::load(document);
}

TEST(Decode, BytesAndAddedTokens) {
  const auto tokenizer = tiny();
  EXPECT_EQ(tokenizer.decode(Ids{'a', 0xC3, 0xA9, 256, 257}, false), "aé<end>word é");
  EXPECT_EQ(tokenizer.decode(Ids{'a', 256, 'b'}, true), "ab");
  EXPECT_EQ(tokenizer.decode(Ids{'a', 0xC3, 256, 0xA9}, true), "aé") << "a skipped token is not there";
  EXPECT_EQ(tokenizer.decode(Ids{0xC3, 'a', 0xFF}, false), "\uFFFDa\uFFFD");
  EXPECT_EQ(tokenizer.decode(Ids{-1, 'a', 100000}, false), "a") << "ids without a token";
}

TEST(Decode, WithoutADecoderTokensStandApart) {
  json document = test::tiny_document();
  document["decoder"] = nullptr;
  EXPECT_EQ(test::load(document).decode(Ids{'a', ' ', 'b'}, false), "a Ġ b");
}

TEST(Decode, UnknownDecodersAreErrors) {
  json document = test::tiny_document();
  document["decoder"] = {{"type", "WordPiece"}};
  EXPECT_THROW(test::load(document), Error);
  document["decoder"] = {{"type", "Sequence"}, {"decoders", {{{"type", "Fuse"}}, test::byte_level()}}};
  EXPECT_THROW(test::load(document), Error);
  document["decoder"] = {{"type", "Sequence"}, {"decoders", {test::byte_level(), {{"type", "Fuse"}}}}};
  EXPECT_NO_THROW(test::load(document));
}

TEST(StreamingDetokenizer, WaitsForWholeCharacters) {
  const auto tokenizer = tiny();
  StreamingDetokenizer stream(tokenizer, true);
  EXPECT_EQ(stream.push('a'), "a");
  EXPECT_EQ(stream.push(0xF0), "");
  EXPECT_EQ(stream.push(0x9F), "");
  EXPECT_EQ(stream.push(0x98), "");
  EXPECT_EQ(stream.push(256), "") << "special tokens are skipped";
  EXPECT_EQ(stream.push(0x80), "\U0001F600");
  EXPECT_EQ(stream.push(0xE2), "");
  EXPECT_EQ(stream.push('b'), "\uFFFDb") << "it cannot become a character any more";
  EXPECT_EQ(stream.push(0xE2), "");
  EXPECT_EQ(stream.flush(), "\uFFFD");
  EXPECT_EQ(stream.flush(), "");
}

TEST(StreamingDetokenizer, SumsUpToDecode) {
  json spaced = test::tiny_document();
  spaced["decoder"] = nullptr;
  std::mt19937 random(5);
  for (const Tokenizer& tokenizer : {tiny(), test::load(spaced)}) {
    for (int round = 0; round < 3000; ++round) {
      Ids ids(random() % 12);
      for (int32_t& id : ids) id = static_cast<int32_t>(random() % 3 ? 0x80 + random() % 0x80 : random() % 260);
      for (const bool skip : {false, true}) {
        StreamingDetokenizer stream(tokenizer, skip);
        std::string text;
        for (const int32_t id : ids) {
          text += stream.push(id);
          ASSERT_EQ(utf8::find_invalid(text), std::string::npos);
        }
        ASSERT_EQ(text + stream.flush(), tokenizer.decode(ids, skip));
      }
    }
  }
}

}  // namespace
}  // namespace saker
