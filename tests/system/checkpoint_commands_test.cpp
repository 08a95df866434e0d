// saker init, inspect and convert as a user runs them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/checkpoint.h"
#include "system/program.h"

namespace saker {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class CheckpointCommands : public testing::Test {
 protected:
  CheckpointCommands() {
    folder_.write("config.json", R"({"model_type": "falcon_mamba", "vocab_size": 300, "hidden_size": 32,
        "num_hidden_layers": 2, "torch_dtype": "bfloat16", "eos_token_id": 7})");
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  Outcome init(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"init", "--config", path("config.json"), "--out", path("model")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_saker(arguments);
  }
  json inspect(const std::string& name) const {
    const Outcome outcome = run_saker({"inspect", "--model", path(name), "--json"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(outcome.out);
  }
  // Runs, and expects exit code and words on stderr alone.
  void expect_failure(const std::vector<std::string>& arguments, int code, const std::string& words) const {
    const Outcome outcome = run_saker(arguments);
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
  }

  TemporaryFolder folder_;
};

TEST_F(CheckpointCommands, InitWritesAModelThatInspectDescribes) {
  const Outcome outcome = init({"--seed", "5"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  const json found = inspect("model");
  const Weights weights = load_checkpoint(path("model"));
  EXPECT_EQ(found["parameters"], weights.config.parameters());
  EXPECT_EQ(found["weight_bytes"], weights.config.parameters() * 2);
  EXPECT_EQ(found["dtypes"]["bf16"]["tensors"], tensor_specs(weights.config).size());
  EXPECT_EQ(found["parts"]["in_proj"], 2 * 2 * 64 * 32);
  EXPECT_EQ(found["state_bytes"], weights.config.state_bytes());
  EXPECT_EQ(found["stop_ids"], json({7}));
  EXPECT_EQ(found["config"]["hidden_size"], 32);
  EXPECT_EQ(found["tokenizer"], true);
}

TEST_F(CheckpointCommands, InspectSpeaksToPeopleToo) {
  ASSERT_EQ(init().code, 0);
  const Outcome outcome = run_saker({"inspect", "--model", path("model")});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find("model_type                  falcon_mamba\n"), std::string::npos) << outcome.out;
}

TEST_F(CheckpointCommands, ATextSurvivesTheTokenizerThatInitShips) {
  ASSERT_EQ(init().code, 0);
  const Outcome encoded = run_saker({"tokenize", "--model", path("model"), "--json", "h\xC3\xA9!"});
  ASSERT_EQ(encoded.code, 0) << encoded.err;
  EXPECT_EQ(json::parse(encoded.out)["ids"], json({105, 196, 170, 34}));  // bytes, one up beyond the 7 of the end
}

TEST_F(CheckpointCommands, ConvertChangesTheTypeAndTakesTheRestAlong) {
  ASSERT_EQ(init({"--dtype", "f32", "--max-shard-size", "20kb"}).code, 0);
  folder_.write("model/chat_template.jinja", "{{ messages }}");
  folder_.write("model/notes.bin", "x");
  const Outcome outcome = run_saker({"convert", "--model", path("model"), "--dtype", "f16", "--out", path("half")});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(inspect("half")["dtypes"].begin().key(), "f16");
  EXPECT_TRUE(fs::exists(path("half/model.safetensors")));
  EXPECT_TRUE(fs::exists(path("half/tokenizer.json")));
  EXPECT_EQ(read_file(path("half/chat_template.jinja")), "{{ messages }}");
  EXPECT_FALSE(fs::exists(path("half/notes.bin")));
  EXPECT_FALSE(fs::exists(path("half/model.safetensors.index.json")));
}

TEST_F(CheckpointCommands, ConvertDoesNotWriteOverItsInput) {
  ASSERT_EQ(init().code, 0);
  expect_failure({"convert", "--model", path("model"), "--dtype", "f32", "--out", path("model/.")}, 1,
                 "the same folder");
  EXPECT_EQ(inspect("model")["dtypes"].begin().key(), "bf16");
}

TEST_F(CheckpointCommands, BadInputIsAnErrorWithoutOutput) {
  ASSERT_EQ(init().code, 0);
  expect_failure({"inspect", "--model", path("absent")}, 1, "config.json\", found none");
  expect_failure({"inspect", "--model", path("config.json")}, 1, "found none");
  expect_failure({"inspect"}, 2, "--model is required");
  expect_failure({"init", "--out", path("x")}, 2, "--config is required");
  expect_failure({"init", "--config", path("absent"), "--out", path("x")}, 1, "found none");
  expect_failure({"init", "--config", path("model"), "--out", path("x")}, 1, "found a folder");
  expect_failure({"init", "--config", "/dev/zero", "--out", path("x")}, 1, "pipe or device");
  expect_failure({"init", "--config", path("config.json"), "--out", path("x"), "--dtype", "f64"}, 2, "f64");
  expect_failure({"init", "--config", path("config.json"), "--out", path("x"), "--seed", "-1"}, 2, "--seed");
  expect_failure({"init", "--config", path("config.json"), "--out", path("config.json")}, 1, "cannot be made");
  expect_failure({"init", "--config", path("config.json"), "--out", path("x"), "--tokenizer", path("config.json")}, 1,
                 "[tokenizer]");
  EXPECT_FALSE(fs::exists(path("x")));
  fs::resize_file(path("model/model.safetensors"), 1000);
  expect_failure({"inspect", "--model", path("model")}, 1, "is it truncated?");
  folder_.write("model/config.json", "{\"model_type\":");
  expect_failure({"convert", "--model", path("model"), "--out", path("x")}, 1, "ends early");
}

TEST_F(CheckpointCommands, AVocabularyBelowTheBytesGetsNoTokenizer) {
  folder_.write("config.json",
                R"({"model_type": "mamba", "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1})");
  const Outcome outcome = init();
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.err.find("no tokenizer written"), std::string::npos);
  EXPECT_EQ(inspect("model")["tokenizer"], false);
}

}  // namespace
}  // namespace saker
