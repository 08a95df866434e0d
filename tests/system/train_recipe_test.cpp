// scripts/train-recipe and the tools that it hands its results to, on texts that can be learnt in a second.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/rng.h"
#include "system/program.h"

namespace saker {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kRecipe = R"(
[model]
vocab_size = 320
hidden_size = 32
num_hidden_layers = 2
tie_word_embeddings = true
eos_token_id = 0

[data]
shards = "shards"

[[stages]]
name = "all"
tokens = "40K"
context = 64
mixture = { web = 0.5, code = 0.5 }

[decay]
tokens = "10K"
context = 128
mixture = { web = 0.5, code = 0.5 }

[schedule]
learning_rate = 3e-3
batch = { to = 8 }

[checkpoints]
every = "10K"
)";

class TrainRecipe : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(path("texts"));
    fs::create_directories(path("validation"));
    folder_.write("recipe.toml", kRecipe);
    for (const auto& [name, words] :
         {std::pair<std::string, std::vector<std::string>>{"web", {"the ", "falcon ", "flies "}},
          {"code", {"int ", "x ", "= 0; "}}}) {
      folder_.write("texts/" + name + ".jsonl", lines(words, 400, 1));
      folder_.write("validation/" + name + ".jsonl", lines(words, 5, 2));
    }
  }

  static std::string lines(const std::vector<std::string>& words, uint64_t documents, uint64_t seed) {
    const Rng rng(seed);
    std::string text;
    for (uint64_t d = 0; d < documents; ++d) {
      std::string document;
      for (uint64_t w = 0; w < 60; ++w)
        document += words[static_cast<size_t>(rng.uniform(d * 60 + w) * static_cast<double>(words.size()))];
      text += json{{"text", document}}.dump() + "\n";
    }
    return text;
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  Outcome script(const std::string& name, const std::vector<std::string>& words) const {
    std::string command = quoted_for_shell(SAKER_SOURCE_DIR "/" + name);
    for (const std::string& word : words) command += " " + quoted_for_shell(word);
    command += fmt::format(" >{} 2>{}", quoted_for_shell(path("out")), quoted_for_shell(path("err")));
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(path("out")), read_file(path("err"))};
  }

  Outcome train(const std::string& out, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{path("recipe.toml"), "--texts",          path("texts"),
                                   "--validation",      path("validation"), "--out",
                                   path(out),           "--saker",          SAKER_BINARY_DIR "/saker"};
    words.insert(words.end(), more.begin(), more.end());
    return script("scripts/train-recipe", words);
  }

  json summary(const std::string& out) const { return json::parse(read_file(path(out + "/summary.json"))); }

  TemporaryFolder folder_;
};

TEST_F(TrainRecipe, PiecesEndAsAWholeRunDoes) {
  ASSERT_EQ(train("whole").code, 0) << read_file(path("err"));
  // From pieces that are too short on any machine to one that is long enough.
  int pieces = 0;
  Outcome piece{130, "", ""};
  for (double seconds = 0.04; piece.code == 130 && pieces < 25; ++pieces, seconds *= 1.4)
    piece = train("pieces", {"--seconds", fmt::format("{:.3f}", seconds)});
  EXPECT_EQ(piece.code, 0) << piece.err;
  EXPECT_GT(pieces, 1);
  EXPECT_EQ(summary("pieces")["fingerprint"], summary("whole")["fingerprint"]);
  EXPECT_EQ(script("tools/compare_runs", {path("whole/run"), path("pieces/run"), "--within", "0"}).code, 0)
      << read_file(path("err"));
  for (const char* file : {"model/model.safetensors", "pre-decay/model.safetensors", "losses/model.json", "losses.md"})
    EXPECT_TRUE(fs::exists(path("pieces/") + file)) << file;
  EXPECT_EQ(read_file(path("pieces/model/model.safetensors")), read_file(path("whole/model/model.safetensors")));
  // The table has what perplexity prints.
  const json losses = json::parse(read_file(path("whole/losses/model.json")));
  const std::string cell = fmt::format("{:.3f}", losses["sources"]["web"]["bits_per_byte"].get<double>());
  EXPECT_NE(read_file(path("whole/losses.md")).find(cell), std::string::npos) << read_file(path("whole/losses.md"));
  EXPECT_NEAR(losses["all"]["nats_per_token"], summary("whole")["validation"]["web"].get<double>(), 1.0);
  EXPECT_EQ(train("whole").code, 0);  // all is there
}

TEST_F(TrainRecipe, RunsThatDifferAreTold) {
  ASSERT_EQ(train("one").code, 0) << read_file(path("err"));
  ASSERT_EQ(train("other", {"--set", "optimizer.eps=1e-4"}).code, 0) << read_file(path("err"));
  const auto compared = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{path("one/run"), path("other/run")};
    words.insert(words.end(), more.begin(), more.end());
    return script("tools/compare_runs", words);
  };
  EXPECT_EQ(compared({"--steps", "20", "--within", "0.5"}).code, 0) << read_file(path("err"));
  EXPECT_EQ(compared({"--within", "1e-9"}).code, 1);
  EXPECT_NE(read_file(path("err")).find("mean difference"), std::string::npos);
  EXPECT_EQ(compared({"--steps", "100000"}).code, 1);
  ASSERT_EQ(train("third", {"--set", "schedule.learning_rate=1e-3"}).code, 0);
  EXPECT_EQ(script("tools/compare_runs", {path("one/run"), path("third/run")}).code, 1);
  EXPECT_NE(read_file(path("err")).find("learning rate"), std::string::npos);
}

// 1 and 2 bits a byte, of sources that only one model has nothing, and the lowest bold.
TEST_F(TrainRecipe, TheTableComparesTheSameTexts) {
  const auto losses = [&](const std::string& name, const std::vector<std::pair<std::string, double>>& sources) {
    json file;
    for (const auto& [source, nats] : sources) file["sources"][source] = {{"nats", nats}, {"bytes", 1000}};
    folder_.write(name, file.dump());
  };
  losses("a.json", {{"web", 693.147}, {"code", 1386.294}, {"alone", 1.0}});
  losses("b.json", {{"web", 1386.294}, {"code", 693.147}});
  const Outcome table = script("tools/loss_table", {"first=" + path("a.json"), path("b.json")});
  EXPECT_EQ(table.code, 0);
  EXPECT_EQ(table.out,
            "| | code | web | all |\n|---|---|---|---|\n"
            "| first | 2.000 | **1.000** | **1.500** |\n| b | **1.000** | 2.000 | **1.500** |\n");
  EXPECT_NE(table.err.find("b is not the lowest on web, all"), std::string::npos) << table.err;
  EXPECT_NE(table.err.find("left out: alone"), std::string::npos) << table.err;
  folder_.write("c.json", R"({"sources": {"web": {"nats": 1.0, "bytes": 999}}})");
  EXPECT_EQ(script("tools/loss_table", {path("a.json"), path("c.json")}).code, 1);
  EXPECT_NE(read_file(path("err")).find("the same bytes"), std::string::npos);
}

TEST_F(TrainRecipe, MistakesAreClear) {
  const auto mistake = [&](const std::vector<std::string>& words, int code, const std::string& told) {
    const Outcome outcome = script("scripts/train-recipe", words);
    EXPECT_EQ(outcome.code, code);
    EXPECT_NE(outcome.err.find(told), std::string::npos) << outcome.err;
  };
  const std::string saker = SAKER_BINARY_DIR "/saker";
  mistake({}, 2, "--texts DIR");
  mistake({path("recipe.toml"), "--out", path("x"), "--seconds", "soon"}, 2, "--seconds N");
  mistake({path("none.toml"), "--out", path("x"), "--saker", saker}, 1, "found no file");
  mistake({path("recipe.toml"), "--out", path("x"), "--saker", path("none")}, 1, "expected the program");
  mistake({path("recipe.toml"), "--out", path("x"), "--saker", saker, "--texts", path("validation/none")}, 1,
          "expected texts");
  mistake({path("recipe.toml"), "--out", path("x"), "--saker", saker, "--validation", path(".")}, 1, "found none");
  mistake({path("recipe.toml"), "--out", path("y"), "--saker", saker}, 1, "manifest.json");  // no texts, no shards
  mistake({path("recipe.toml"), "--out", path("x"), "--saker", saker, "--validation", path("validation"), "--reference",
           path("none.json")},
          1, "none.json");
  folder_.write("sizeless.toml", "[model]\nhidden_size = 32\n");
  mistake({path("sizeless.toml"), "--out", path("z"), "--saker", saker, "--texts", path("texts")}, 1, "vocab_size");
  EXPECT_EQ(script("tools/loss_table", {path("recipe.toml")}).code, 1);
  EXPECT_EQ(script("tools/loss_table", {path("none.json")}).code, 1);
}

}  // namespace
}  // namespace saker
