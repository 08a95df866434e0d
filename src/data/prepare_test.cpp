#include "data/prepare.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "core/temporary_folder.h"
#include "data/token_dataset.h"
#include "io/read_file.h"
#include "tokenizer/byte_tokenizer.h"
#include "tokenizer/tokenizer.h"

namespace saker {
namespace {

namespace fs = std::filesystem;

class PrepareTest : public testing::Test {
 protected:
  PrepareTest() {
    folder_.write("tokenizer.json", byte_tokenizer_json(0));
    std::string lines;
    for (int i = 0; i < 200; ++i) {
      texts_.push_back(std::string(static_cast<size_t>(i * 37 % 90), static_cast<char>('a' + i % 26)));
      lines += "{\"text\": \"" + texts_.back() + "\"}\n";
    }
    std::erase(texts_, "");
    folder_.write("a.jsonl", lines);
    folder_.write("b.txt", "one text");
  }

  PrepareJob job(const std::string& out) const {
    PrepareJob made;
    made.sources = {{"a", {folder_.path() / "a.jsonl"}}, {"b", {folder_.path() / "b.txt"}}};
    made.tokenizer = folder_.path() / "tokenizer.json";
    made.out = folder_.path() / out;
    made.settings.shard_tokens = 1000;
    return made;
  }

  std::map<std::string, std::string> files(const std::string& out) const {
    std::map<std::string, std::string> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_.path() / out))
      found[entry.path().filename()] = read_file(entry.path());
    return found;
  }
  // A bad line before every seventh of a.jsonl.
  void spoil_lines() const {
    std::istringstream lines(read_file(folder_.path() / "a.jsonl"));
    std::string spoilt;
    int number = 0;
    for (std::string line; std::getline(lines, line); ++number) {
      if (number % 7 == 0) spoilt += number % 2 ? "{\"text\": \"x\n" : "{\"title\": \"x\"}\n";
      spoilt += line + "\n";
    }
    folder_.write("a.jsonl", spoilt);
  }

  // Whatever number of shards the manifest of a job's beginning knows, and whatever lies beside them, resuming makes
  // those of `whole`.
  void expect_completed(PrepareJob rest) const {
    const Manifest whole = read_manifest(folder_.path() / "whole");
    for (size_t shards = 0; shards <= whole.sources[0].shards.size(); ++shards) {
      const std::string out = "part-" + std::to_string(shards);
      fs::copy(folder_.path() / "whole", folder_.path() / out);
      Manifest part = whole;
      part.sources[0] = {"a", whole.sources[0].inputs, false, whole.sources[0].shards};
      part.sources[0].shards.resize(shards);
      part.sources[1] = {"b", whole.sources[1].inputs, false, {}};
      write_manifest(folder_.path() / out, part);
      folder_.write(out + "/" + whole.sources[0].shards[shards / 2].file + ".1-0.unfinished", "x");
      rest.out = folder_.path() / out;
      rest.resume = true;
      prepare(rest);
      EXPECT_EQ(files(out), files("whole")) << shards;
      EXPECT_EQ(prepare(rest).bytes, 0);
    }
  }

  std::string error(const PrepareJob& wrong) const {
    return error_of([&] { prepare(wrong); });
  }

  const TemporaryFolder folder_;
  std::vector<std::string> texts_;
};

TEST_F(PrepareTest, DocumentsAreTheTokensOfTheTexts) {
  prepare(job("out"));
  const TokenDataset dataset(folder_.path() / "out");
  const Tokenizer tokenizer = Tokenizer::from_json(dataset.tokenizer_json());
  ASSERT_EQ(dataset.documents(0), static_cast<int64_t>(texts_.size()));
  EXPECT_GT(dataset.manifest().sources[0].shards.size(), 5u);
  for (size_t d = 0; d < texts_.size(); ++d) {
    const DocumentTokens tokens = dataset.tokens(0, static_cast<int64_t>(d));
    const std::vector<int32_t> expected = tokenizer.encode(texts_[d], false);
    ASSERT_EQ(tokens.size(), static_cast<int64_t>(expected.size()));
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(tokens[static_cast<int64_t>(i)], expected[i]);
  }
  EXPECT_EQ(dataset.manifest().sources[1].bytes(), 8);
}

TEST_F(PrepareTest, WorkersChangeNothing) {
  prepare(job("one"));
  PrepareJob many = job("many");
  many.workers = 5;
  prepare(many);
  EXPECT_EQ(files("one"), files("many"));
}

TEST_F(PrepareTest, ResumingCompletesAnyBeginning) {
  prepare(job("whole"));
  expect_completed(job("whole"));
}

TEST_F(PrepareTest, BadLinesAreLeftOutAndCounted) {
  prepare(job("clean"));
  spoil_lines();
  EXPECT_NE(error(job("strict")).find("a.jsonl, line 1: "), std::string::npos);
  int64_t told = 0;
  PrepareJob lenient = job("whole");
  lenient.skip = [&](const BadLine&) { ++told; };
  const Manifest manifest = prepare(lenient).manifest;
  EXPECT_EQ(told, 29);
  const LineFaultCounts& skipped = manifest.sources[0].skipped_lines;
  EXPECT_EQ(skipped[LineFault::no_text], 15);
  EXPECT_EQ(skipped[LineFault::broken_json], 14);
  EXPECT_EQ(skipped.total(), 29);
  EXPECT_EQ(manifest.sources[1].skipped_lines.total(), 0);
  EXPECT_EQ(read_manifest(folder_.path() / "whole").sources[0].skipped_lines[LineFault::no_text], 15);
  std::map<std::string, std::string> clean = files("clean"), left = files("whole");
  clean.erase("manifest.json");
  left.erase("manifest.json");
  EXPECT_EQ(left, clean);
  lenient.workers = 3;
  lenient.out = folder_.path() / "many";
  prepare(lenient);
  EXPECT_EQ(files("many"), files("whole"));
  expect_completed(lenient);
}

// The line that ended a job is left out when it goes on.
TEST_F(PrepareTest, AJobThatABadLineEndedGoesOn) {
  std::ofstream(folder_.path() / "a.jsonl", std::ios::app) << "{\"text\": 3}\n";
  PrepareJob lenient = job("whole");
  lenient.skip = [](const BadLine&) {};
  prepare(lenient);
  PrepareJob ended = job("ended");
  EXPECT_NE(error(ended).find("a.jsonl, line 201: "), std::string::npos);
  ended.resume = true;
  EXPECT_NE(error(ended).find("a.jsonl, line 201: "), std::string::npos);
  ended.skip = lenient.skip;
  prepare(ended);
  EXPECT_EQ(files("ended"), files("whole"));
}

TEST_F(PrepareTest, ResumesOnlyTheSameJob) {
  prepare(job("out"));
  EXPECT_NE(error(job("out")).find("--resume goes on with it"), std::string::npos);
  PrepareJob other = job("out");
  other.resume = true;
  EXPECT_EQ(error(other), "");
  other.settings.shard_tokens = 999;
  EXPECT_NE(error(other).find("made with --text-field text --shard-tokens 1000"), std::string::npos);
  other = job("out");
  other.resume = true;
  other.sources.pop_back();
  EXPECT_NE(error(other).find("made with 2 sources"), std::string::npos);
  folder_.write("b.txt", "another text");
  other = job("out");
  other.resume = true;
  EXPECT_NE(error(other).find("other sizes, of \"b\""), std::string::npos);
}

TEST_F(PrepareTest, ResumingFindsDamage) {
  prepare(job("out"));
  PrepareJob again = job("out");
  again.resume = true;
  std::string shard = read_file(folder_.path() / "out/a-00002.tokens");
  shard[shard.size() - 1] = 'x';
  folder_.write("out/a-00002.tokens", shard);
  EXPECT_NE(error(again).find("a-00002.tokens"), std::string::npos);
}

TEST_F(PrepareTest, TakesABeginning) {
  PrepareJob some = job("out");
  some.settings.max_bytes = 100;
  prepare(some);
  const int64_t bytes = read_manifest(folder_.path() / "out").sources[0].bytes();
  EXPECT_GE(bytes, 100);
  EXPECT_LT(bytes, 100 + 90);
}

TEST_F(PrepareTest, WhatCannotBe) {
  for (const char* name : {"", "a/b", "..", ".a", "-a", "a b"}) {
    PrepareJob wrong = job("out");
    wrong.sources[0].name = name;
    EXPECT_NE(error(wrong).find("expected names of sources"), std::string::npos) << name;
  }
  PrepareJob wrong = job("out");
  wrong.end_of_text = "<end>";
  EXPECT_NE(error(wrong).find("--end-of-text names another"), std::string::npos);
  wrong = job("out");
  wrong.sources[0].inputs.push_back(wrong.sources[0].inputs[0]);
  EXPECT_NE(error(wrong).find("each input once"), std::string::npos);
  wrong.sources[0].inputs = {folder_.path() / "none.jsonl"};
  EXPECT_NE(error(wrong).find("none.jsonl"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_.path() / "out"));
  wrong.sources[0].inputs = {folder_.write("empty.jsonl", "{\"text\": \"\"}\n")};
  EXPECT_NE(error(wrong).find("\"a\": expected text, found none"), std::string::npos);
}

}  // namespace
}  // namespace saker
