// saker tokenizer train as a user runs it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "system/program.h"

namespace saker {
namespace {

using nlohmann::json;

class TokenizerCommands : public testing::Test {
 protected:
  TokenizerCommands() {
    for (int i = 0; i < 500; ++i) text_ += "word" + std::to_string(i * i % 89) + (i % 7 ? " " : ", été\n");
    folder_.write("text.txt", text_);
    folder_.write("lines.jsonl", json{{"text", text_}}.dump() + "\n\n" + json{{"text", "<tag>more<tag>"}}.dump());
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  Outcome train(const std::string& file, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments{"tokenizer", "train", path(file), "--out", path("tokenizer.json")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_saker(arguments);
  }
  json report(const std::string& file, std::vector<std::string> more) const {
    more.push_back("--json");
    const Outcome outcome = train(file, more);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    return json::parse(outcome.out);
  }
  void expect_failure(const std::string& file, const std::vector<std::string>& more, int code,
                      const std::string& words) const {
    const Outcome outcome = train(file, more);
    EXPECT_EQ(outcome.code, code);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(path("tokenizer.json")));
  }

  TemporaryFolder folder_;
  std::string text_;
};

TEST_F(TokenizerCommands, TheReportIsWhatTokenizeFinds) {
  const json found = report("text.txt", {"--vocab", "290"});
  EXPECT_EQ(found["vocab"], 290);
  EXPECT_EQ(found["merges"], 290 - 257);
  EXPECT_EQ(found["bytes"], text_.size());
  const Outcome ids = run_saker({"tokenize", "--tokenizer", path("tokenizer.json"), "--json"}, text_);
  ASSERT_EQ(ids.code, 0) << ids.err;
  EXPECT_EQ(found["tokens"], json::parse(ids.out)["ids"].size());
}

TEST_F(TokenizerCommands, SpecialTokensAndFilesOfDocuments) {
  const json found = report("lines.jsonl", {"--vocab", "290", "--special", "<tag>", "--special", "<other>"});
  EXPECT_EQ(found["bytes"], text_.size() + 14);
  EXPECT_EQ(run_saker({"tokenize", "--tokenizer", path("tokenizer.json"), "<|endoftext|><other><tag>"}).out, "0 2 1\n");
}

TEST_F(TokenizerCommands, TheCapCutsNoCharacterInTwo) {
  folder_.write("text.txt", "abcdeé");
  EXPECT_EQ(report("text.txt", {"--vocab", "257", "--max-bytes", "6"})["bytes"], 5);
  EXPECT_EQ(report("text.txt", {"--vocab", "257", "--max-bytes", "7"})["bytes"], 7);
  folder_.write("lines.jsonl", "{\"text\": \"abcd\"}\n{\"text\": \"efgh\"}\n{\"text\": 5}");
  EXPECT_EQ(report("lines.jsonl", {"--vocab", "257", "--max-bytes", "6"})["bytes"], 6) << "and reads no further";
  folder_.write("cut.jsonl", "{\"text\": \"aé\"}\n{\"text\": \"b\"}\n{\"text\": 5}");
  EXPECT_EQ(report("cut.jsonl", {"--vocab", "257", "--max-bytes", "2"})["bytes"], 1) << "nor past a cut";
}

TEST_F(TokenizerCommands, AVocabularyOutOfReachIsSaid) {
  const Outcome outcome = train("text.txt", {"--vocab", "100000"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.err.find("not 100000: every pair that is left occurs less than 2 times"), std::string::npos);
}

TEST_F(TokenizerCommands, WhatCannotBe) {
  expect_failure("text.txt", {"--vocab", "256"}, 1, "at least 257");
  expect_failure("text.txt", {"--vocab", "300", "--special", "a"}, 1, "no symbols of single bytes");
  expect_failure("text.txt", {"--vocab", "0"}, 2, "--vocab: expected a whole number from 1");
  expect_failure("text.txt", {"--vocab", "300", "--vocabb", "3"}, 2,
                 R"((did you mean "--vocab"?); try saker tokenizer train --help)");
  expect_failure("none.txt", {"--vocab", "300"}, 1, "found none");
  folder_.write("text.txt", "");
  expect_failure("text.txt", {"--vocab", "300"}, 1, "expected text to train on");
  folder_.write("text.txt", "\xFF");
  expect_failure("text.txt", {"--vocab", "300"}, 1, "UTF-8");
  const Outcome unwritable = run_saker({"tokenizer", "train", path("lines.jsonl"), "--vocab", "300", "--out", "/no/x"});
  EXPECT_EQ(unwritable.code, 1);
  EXPECT_NE(unwritable.err.find("cannot be created"), std::string::npos) << unwritable.err;
  const Outcome mistyped = run_saker({"tokenizer", "trian"});
  EXPECT_EQ(mistyped.code, 2);
  EXPECT_NE(mistyped.err.find(R"("trian" (did you mean "train"?); try saker tokenizer --help)"), std::string::npos)
      << mistyped.err;
}

}  // namespace
}  // namespace saker
