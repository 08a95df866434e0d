#include "data/documents.h"

#include <gtest/gtest.h>

#include "core/temporary_folder.h"

namespace saker {
namespace {

std::vector<std::string> read(const std::filesystem::path& file) {
  std::vector<std::string> texts;
  for_each_document(file, [&](std::string_view text) {
    texts.emplace_back(text);
    return true;
  });
  return texts;
}

TEST(Documents, JsonLines) {
  const TemporaryFolder folder;
  EXPECT_EQ(
      read(folder.write("a.jsonl", "{\"text\":\"one\\n\"}\n\n{\"id\":1,\"text\":\"tw\\u00f6\"}\r\n{\"text\":\"\"}")),
      (std::vector<std::string>{"one\n", "tw\xC3\xB6", ""}));
  EXPECT_TRUE(read(folder.write("b.jsonl", "")).empty());
}

TEST(Documents, OneText) {
  const TemporaryFolder folder;
  EXPECT_EQ(read(folder.write("a.txt", "one\ntwo\n")), (std::vector<std::string>{"one\ntwo\n"}));
}

TEST(Documents, NamesTheBrokenLine) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& content) {
    return error_of([&] { read(folder.write("a.jsonl", content)); });
  };
  EXPECT_NE(message("{\"text\":\"x\"}\n{\"text\":").find("a.jsonl, line 2"), std::string::npos);
  for (const char* line : {"[]", "1", "{}", "{\"text\":1}", "{\"text\":\"\xff\"}", "{\"text\":\"a\"} x", "\"text\""})
    EXPECT_NE(message(line).find("line 1"), std::string::npos) << line;
  EXPECT_NE(error_of([&] { read(folder.write("a.txt", "a\xff")); }), "");
  EXPECT_NE(error_of([&] { read(folder.path() / "none.jsonl"); }), "");
  EXPECT_NE(error_of([&] { read(folder.path()); }), "");
}

}  // namespace
}  // namespace saker
