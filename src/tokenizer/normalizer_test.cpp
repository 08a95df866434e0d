#include "tokenizer/normalizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace saker {
namespace {

using nlohmann::json;

std::string normal(const json& value, std::string_view text) {
  std::string buffer;
  return std::string(Normalizer::from_json(value).apply(text, buffer));
}
std::string form(const char* name, std::string_view text) {
  return normal({{"type", name}}, text);
}

TEST(Normalizer, UnicodeForms) {
  const std::string composed = "x\u00E9\uAC01z", decomposed = "xe\u0301\u1100\u1161\u11A8z";
  EXPECT_EQ(form("NFC", decomposed), composed);
  EXPECT_EQ(form("NFD", composed), decomposed);
  EXPECT_EQ(form("NFC", "ﬁ①"), "ﬁ①");
  EXPECT_EQ(form("NFKC", "ﬁ①"), "fi1");
  EXPECT_EQ(form("NFKD", "ﬁé"), "fie\u0301");
  EXPECT_EQ(form("NFC", "a\u0345\u0334"), "a\u0334\u0345") << "marks in order";
  EXPECT_EQ(form("NFC", "\u0958"), "\u0915\u093C") << "excluded from composition";
  EXPECT_EQ(form("NFKD", "\uFDFA").size(), 33u) << "the longest decomposition";
}

// The reference's tables are older than these characters.
TEST(Normalizer, LeavesNewerCharacters) {
  EXPECT_EQ(form("NFKC", "\u32FF"), "\u32FF") << "square Reiwa";
  EXPECT_EQ(form("NFC", "\U00011935\U00011930"), "\U00011935\U00011930");
  EXPECT_EQ(form("NFC", "a\u1AC0\u0334"), "a\u1AC0\u0334") << "no reordering around a mark that it does not know";
}

TEST(Normalizer, OtherSteps) {
  EXPECT_EQ(normal({{"type", "Replace"}, {"pattern", {{"String", "``"}}}, {"content", "\""}}, "``a```"), "\"a\"`");
  EXPECT_EQ(normal({{"type", "Replace"}, {"pattern", {{"Regex", "\\s+"}}}, {"content", " "}}, "a \n b"), "a b");
  EXPECT_EQ(normal({{"type", "Prepend"}, {"prepend", "_"}}, "a"), "_a");
  EXPECT_EQ(normal({{"type", "Prepend"}, {"prepend", "_"}}, ""), "");
  EXPECT_EQ(form("Lowercase", "ÀİΣ"), "ài\u0307σ");
  EXPECT_EQ(normal(nullptr, "Às"), "Às");
}

TEST(Normalizer, SequenceInOrder) {
  const json value = {{"type", "Sequence"},
                      {"normalizers", json::array({{{"type", "NFKC"}}, {{"type", "Lowercase"}}})}};
  EXPECT_EQ(normal(value, "ＡB"), "ab");
}

TEST(Normalizer, UnknownStagesAndFieldsAreErrors) {
  EXPECT_THROW(form("Nmt", ""), Error);
  EXPECT_THROW(normal({{"type", "NFC"}, {"strength", 2}}, ""), Error);
  EXPECT_THROW(normal({{"type", "Replace"}, {"pattern", {{"String", "a"}}}}, ""), Error) << "no content";
  EXPECT_THROW(normal(json::array(), ""), Error);
  json nested = {{"type", "NFC"}};
  for (int i = 0; i < 40; ++i) nested = {{"type", "Sequence"}, {"normalizers", json::array({nested})}};
  EXPECT_THROW(normal(nested, ""), Error);
}

}  // namespace
}  // namespace saker
