#include "tokenizer/byte_alphabet.h"

#include <gtest/gtest.h>

namespace saker::byte_alphabet {
namespace {

TEST(ByteAlphabet, KnownSymbols) {
  std::string out;
  append_mapped(" a\n\xFF\xAD", out);
  EXPECT_EQ(out, "Ġa\xC4\x8A\xC3\xBF\xC5\x83");  // Ġ a Ċ ÿ Ń
}

TEST(ByteAlphabet, EveryByteGoesThereAndBack) {
  std::string bytes, symbols_text, back;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  append_mapped(bytes, symbols_text);
  EXPECT_TRUE(append_unmapped(symbols_text, back));
  EXPECT_EQ(back, bytes);
}

TEST(ByteAlphabet, RefusesOtherCharactersWhole) {
  std::string out = "kept";
  EXPECT_FALSE(append_unmapped("a b", out)) << "a space is Ġ";
  EXPECT_FALSE(append_unmapped("a中", out));
  EXPECT_EQ(out, "kept");
}

}  // namespace
}  // namespace saker::byte_alphabet
