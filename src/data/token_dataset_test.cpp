#include "data/token_dataset.h"

#include <gtest/gtest.h>

#include "data/length_statistics.h"
#include "data/test_dataset.h"
#include "io/read_file.h"

namespace saker {
namespace {

namespace fs = std::filesystem;

const TestSources kSources{{"web", {3, 0, 5, 2048, 1, 2, 3, 4, 9000}}, {"code", {10, 20}}};

std::vector<int32_t> ids(const DocumentTokens& tokens) {
  std::vector<int32_t> out;
  for (int64_t i = 0; i < tokens.size(); ++i) out.push_back(tokens[i]);
  return out;
}

TEST(TokenDataset, GivesEveryDocument) {
  for (const int64_t vocab_size : {65536, 65537}) {
    const TemporaryFolder folder;
    write_test_dataset(folder, kSources, 3, vocab_size);
    const TokenDataset dataset(folder.path());
    EXPECT_EQ(dataset.manifest().sources[0].shards.size(), 3u);
    for (size_t s = 0; s < kSources.size(); ++s) {
      const int32_t source = dataset.find(kSources[s].first);
      const std::vector<int64_t>& lengths = kSources[s].second;
      ASSERT_EQ(dataset.documents(source), static_cast<int64_t>(lengths.size()));
      for (size_t d = 0; d < lengths.size(); ++d) {
        std::vector<int32_t> expected;
        for (int64_t i = 0; i < lengths[d]; ++i) expected.push_back(test_token(s, d, i));
        EXPECT_EQ(ids(dataset.tokens(source, static_cast<int64_t>(d))), expected);
      }
    }
  }
}

TEST(TokenDataset, Lengths) {
  const TemporaryFolder folder;
  write_test_dataset(folder, kSources);
  const LengthStatistics lengths = length_statistics(TokenDataset(folder.path()), 0);
  EXPECT_EQ(lengths.percentiles, (std::array<int64_t, 6>{0, 0, 3, 9000, 9000, 9000}));
  EXPECT_DOUBLE_EQ(lengths.documents_beyond[0], 2.0 / 9.0);
  EXPECT_DOUBLE_EQ(lengths.documents_beyond[1], 1.0 / 9.0);  // 2048 is not more than 2048
  EXPECT_DOUBLE_EQ(lengths.tokens_beyond[3], 9000.0 / (9000 + 2048 + 18));
}

class DamagedDataset : public testing::Test {
 protected:
  DamagedDataset() { write_test_dataset(folder_, kSources, 3); }

  std::string error(Verify verify = Verify::checksums) const {
    return error_of([&] { TokenDataset(folder_.path(), verify); });
  }
  void expect_error(const std::string& words) const { EXPECT_NE(error().find(words), std::string::npos) << error(); }
  void replace_in_manifest(const std::string& old, const std::string& text) const {
    std::string manifest = read_file(folder_.path() / "manifest.json");
    ASSERT_NE(manifest.find(old), std::string::npos) << old;
    manifest.replace(manifest.find(old), old.size(), text);
    folder_.write("manifest.json", manifest);
  }

  const TemporaryFolder folder_;
  const fs::path shard_ = folder_.path() / "web-00001.tokens";
};

TEST_F(DamagedDataset, EveryByteOfAShardCounts) {
  const std::string good = read_file(shard_);
  for (size_t i = 0; i < good.size(); i += i < 128 ? 1 : 97) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    folder_.write("web-00001.tokens", bad);
    EXPECT_NE(error().find("web-00001.tokens"), std::string::npos) << i;
  }
  for (const size_t size : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, good.size() - 1, good.size() + 1}) {
    std::string bad = good;
    bad.resize(size);
    folder_.write("web-00001.tokens", bad);
    EXPECT_NE(error(Verify::sizes).find("web-00001.tokens"), std::string::npos) << size;
  }
  folder_.write("web-00001.tokens", good);
  EXPECT_EQ(error(), "");
}

TEST_F(DamagedDataset, MissingFiles) {
  fs::remove(shard_);
  expect_error("web-00001.tokens");
  fs::remove(folder_.path() / "tokenizer.json");
  expect_error("tokenizer.json");
  fs::remove(folder_.path() / "manifest.json");
  expect_error("expected a folder made by saker data prepare");
}

TEST_F(DamagedDataset, AnotherTokenizer) {
  const TokenDataset dataset(folder_.path());
  dataset.expect_tokenizer("{}", "recipe");
  EXPECT_NE(error_of([&] { dataset.expect_tokenizer("{ }", "recipe"); }).find("expected the tokenizer of"),
            std::string::npos);
  folder_.write("tokenizer.json", "{ }");
  expect_error("expected the tokenizer that the shards were made with");
}

TEST_F(DamagedDataset, UnknownSource) {
  const TokenDataset dataset(folder_.path());
  EXPECT_NE(error_of([&] { dataset.find("books"); }).find("(web, code), found \"books\""), std::string::npos);
}

TEST_F(DamagedDataset, Unfinished) {
  replace_in_manifest("\"complete\": true", "\"complete\": false");
  expect_error("--resume goes on with it");
}

TEST_F(DamagedDataset, Manifests) {
  const std::string good = read_file(folder_.path() / "manifest.json");
  for (const auto& [old, text] : std::vector<std::pair<std::string, std::string>>{
           {"saker-tokens-1", "saker-tokens-2"},
           {"\"vocab_size\": 65536", "\"vocab_size\": -1"},
           {"\"vocab_size\": 65536", "\"vocab_size\": 65537"},
           {"\"end_of_text\": 0", "\"end_of_text\": 65536"},
           {"\"sources\": [", "\"sources\": 1, \"x\": ["},
           {"web-00001.tokens", "../web-00001.tokens"},
           {"web-00001.tokens", "web-00000.tokens"},
           {"\"documents\": 3", "\"documents\": 1152921504606846976"},
           {"\"documents\": 3,\n     \"tokens\": 8", "\"documents\": 281474976710656,\n     \"tokens\": 8"},
           {"\"checksum\": \"", "\"checksum\": \"x"},
           {"\"name\": \"code\"", "\"name\": \"web\""},
       }) {
    folder_.write("manifest.json", good);
    replace_in_manifest(old, text);
    EXPECT_NE(error(), "") << text;
  }
  for (const char* text : {"", "[]", "{", "{\"format\": \"saker-tokens-1\"}"}) {
    folder_.write("manifest.json", text);
    EXPECT_NE(error(), "") << text;
  }
}

TEST_F(DamagedDataset, FingerprintsTellDatasetsApart) {
  const TemporaryFolder same, other;
  write_test_dataset(same, kSources, 3);
  write_test_dataset(other, {{"web", {3}}, {"code", {10, 20}}}, 3);
  const uint64_t fingerprint = TokenDataset(folder_.path()).fingerprint();
  EXPECT_EQ(TokenDataset(same.path()).fingerprint(), fingerprint);
  EXPECT_NE(TokenDataset(other.path()).fingerprint(), fingerprint);
}

}  // namespace
}  // namespace saker
