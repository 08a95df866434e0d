#include "data/prepare.h"

#include <gtest/gtest.h>

#include <map>

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

// Whatever number of shards the manifest knows, and whatever lies beside them.
TEST_F(PrepareTest, ResumingCompletesAnyBeginning) {
  prepare(job("whole"));
  const Manifest whole = read_manifest(folder_.path() / "whole");
  for (size_t shards = 0; shards <= whole.sources[0].shards.size(); ++shards) {
    const std::string out = "part-" + std::to_string(shards);
    fs::copy(folder_.path() / "whole", folder_.path() / out);
    Manifest part = whole;
    part.sources[0].shards.resize(shards);
    part.sources[0].complete = false;
    part.sources[1] = {"b", whole.sources[1].inputs, false, {}};
    write_manifest(folder_.path() / out, part);
    folder_.write(out + "/" + whole.sources[0].shards[shards / 2].file + ".1-0.unfinished", "x");
    PrepareJob rest = job(out);
    rest.resume = true;
    prepare(rest);
    EXPECT_EQ(files(out), files("whole")) << shards;
    EXPECT_EQ(prepare(rest).bytes, 0);
  }
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
