#include "tokenizer/byte_tokenizer.h"

#include <gtest/gtest.h>

#include "tokenizer/tokenizer.h"

namespace saker {
namespace {

TEST(ByteTokenizer, EveryTextSurvives) {
  std::string text = "Grüße \xF0\x9F\xA6\x85 <|endoftext|>\r\n\t  x ";
  for (char c = 1; c < 127; ++c) text += c;
  for (int32_t end_of_text : {0, 11, 256, 300}) {
    const Tokenizer tokenizer = Tokenizer::from_json(byte_tokenizer_json(end_of_text));
    const auto ids = tokenizer.encode(text, true);
    EXPECT_EQ(ids.size(), text.size() - 12);  // the special token is one
    EXPECT_EQ(tokenizer.decode(ids, false), text);
    EXPECT_EQ(tokenizer.token_to_id("<|endoftext|>"), end_of_text);
  }
}

TEST(ByteTokenizer, BytesTakeTheOtherIdsInOrder) {
  const Tokenizer tokenizer = Tokenizer::from_json(byte_tokenizer_json(66));
  EXPECT_EQ(tokenizer.encode("ABC", false), (std::vector<int32_t>{65, 67, 68}));
}

}  // namespace
}  // namespace saker
