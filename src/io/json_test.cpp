#include "io/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/temporary_folder.h"

namespace saker {
namespace {

std::string error(std::string_view text) {
  return error_of([&] { parse_json(text, "test", "file"); });
}

TEST(Json, ParsesADocument) {
  EXPECT_EQ(parse_json(R"({"a": [1, null]})", "test", "file")["a"][0], 1);
}

TEST(Json, ErrorsAreOurs) {
  EXPECT_EQ(error("{\"a\": 1"), "[test] file: expected JSON, found that it ends early, after 7 bytes");
  EXPECT_EQ(error(""), "[test] file: expected JSON, found that it ends early, after 0 bytes");
  EXPECT_EQ(error("{\"a\": nope}"), "[test] file: expected JSON in UTF-8, found something else at byte 8");
  EXPECT_EQ(error("{} x"), "[test] file: expected JSON in UTF-8, found something else at byte 4");
  EXPECT_EQ(error("\"\xff\""), "[test] file: expected JSON in UTF-8, found something else at byte 2");
  EXPECT_EQ(error("1e999"), "[test] file: expected numbers within the range of a double, found a larger one");
}

TEST(Json, RefusesRepeatedKeysOfOneObject) {
  EXPECT_EQ(error(R"({"a": 1, "b": {"a": 2}, "a": 3})"), "[test] file: the key \"a\" appears twice");
  EXPECT_EQ(error(R"([{"a": 1}, {"a": 2}])"), "");
}

TEST(Json, RefusesDeepNesting) {
  EXPECT_EQ(error(std::string(64, '[') + std::string(64, ']')), "");
  EXPECT_NE(error(std::string(65, '[') + std::string(65, ']')).find("at most 64 levels"), std::string::npos);
  EXPECT_NE(error(std::string(1 << 20, '[')).find("at most 64 levels"), std::string::npos);
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_NE(error(objects).find("at most 64 levels"), std::string::npos);
}

// Takes hours if each member costs a search of those before it.
TEST(Json, AnObjectOfManyMembersIsReadInOnePass) {
  std::string text = "{";
  for (int i = 0; i < 300'000; ++i) text += fmt::format("\"{}\":{{\"a\":[1]}},", i);
  EXPECT_EQ(parse_json(text + "\"last\": 1}", "test", "a text").size(), 300'001u);
}

}  // namespace
}  // namespace saker
