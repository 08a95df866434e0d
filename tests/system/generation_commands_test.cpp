// saker generate, perplexity and bench as a user runs them.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <set>

#include "system/program.h"

namespace saker {
namespace {

using nlohmann::json;

// A random model of 280 tokens, most of them bytes, which ends texts with token 7.
class GenerationCommands : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    folder_->write("config.json", R"({"model_type": "falcon_mamba", "vocab_size": 280, "hidden_size": 32,
        "num_hidden_layers": 2, "torch_dtype": "bfloat16", "eos_token_id": 7})");
    ASSERT_EQ(run_saker({"init", "--config", path("config.json"), "--out", path("model")}).code, 0);
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string path(const std::string& name) { return (folder_->path() / name).string(); }

  static Outcome generate(const std::vector<std::string>& more, const std::string& input = "") {
    std::vector<std::string> arguments{"generate", "--model", path("model"), "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_saker(arguments, input);
  }
  static json generated(std::vector<std::string> more, const std::string& input = "") {
    more.push_back("--json");
    const Outcome outcome = generate(more, input);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.code == 0 ? json::parse(outcome.out) : json();
  }
  static void expect_failure(const std::vector<std::string>& more, int code, const std::string& words,
                             const std::string& input = "") {
    const Outcome outcome = generate(more, input);
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
  }
  // The option that makes the model say nothing but the token of `text`.
  static std::string nothing_but(const std::string& text) {
    const json ids = json::parse(run_saker({"tokenize", "--model", path("model"), "--json", text}).out)["ids"];
    return "--logit-bias=" + ids[0].dump() + ":1000";
  }

  static TemporaryFolder* folder_;
};

TemporaryFolder* GenerationCommands::folder_ = nullptr;

TEST_F(GenerationCommands, PromptsComeFromAnywhere) {
  const std::string file = folder_->write("prompt.txt", "Once").string();
  const json given = generated({"-p", "Once", "-n", "9", "--seed", "1", "--ignore-eos"});
  EXPECT_EQ(given["prompt_ids"].size(), 4u);
  EXPECT_EQ(given["ids"].size(), 9u);
  EXPECT_EQ(given["stop_reason"], "length");
  EXPECT_GT(given["peak_memory_bytes"], 0);
  EXPECT_GT(given["prefill_tokens_per_second"], 0.0);
  EXPECT_GT(given["decode_tokens_per_second"], 0.0);
  EXPECT_EQ(generated({"Once", "-n", "9", "--seed", "1", "--ignore-eos"})["ids"], given["ids"]);
  EXPECT_EQ(generated({"-f", file, "-n", "9", "--seed", "1", "--ignore-eos"})["ids"], given["ids"]);
  EXPECT_EQ(generated({"-n", "9", "--seed", "1", "--ignore-eos"}, "Once")["ids"], given["ids"]);
  EXPECT_EQ(generated({"-f", "-", "-n", "9", "--seed", "1", "--ignore-eos"}, "Once")["ids"], given["ids"]);
  EXPECT_NE(generated({"Once", "-n", "9", "--seed", "2", "--ignore-eos"})["ids"], given["ids"]);

  const Outcome text = generate({"Once", "-n", "9", "--seed", "1", "--ignore-eos"});
  EXPECT_EQ(text.out, given["text"].get<std::string>() + "\n");
  EXPECT_EQ(text.err, "") << "progress belongs on terminals only";
}

TEST_F(GenerationCommands, LongPromptsShowNoProgressInAPipe) {
  const Outcome outcome = generate({"-n", "1"}, std::string(20000, 'x'));
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
}

TEST_F(GenerationCommands, TextsEnd) {
  const std::string a = nothing_but("a");
  json found = generated({"x", "-n", "5", a});
  EXPECT_EQ(found["text"], "aaaaa");
  EXPECT_EQ(found["stop_reason"], "length");
  found = generated({"x", "-n", "5", a, "--stop", "zz", "--stop", "aaa"});
  EXPECT_EQ(found["text"], "");
  EXPECT_EQ(found["ids"].size(), 3u);
  EXPECT_EQ(found["stop_reason"], "stop_string");
  found = generated({"x", "-n", "5", a, "--stop", "ab"});
  EXPECT_EQ(found["text"], "aaaaa");
  found = generated({"x", "-n", "5", "--logit-bias", "7:1000"});
  EXPECT_EQ(found["ids"], json({7}));
  EXPECT_EQ(found["text"], "");
  EXPECT_EQ(found["stop_reason"], "stop_id");
  EXPECT_EQ(generated({"x", "-n", "5", "--logit-bias", "7:1000", "--ignore-eos"})["ids"].size(), 5u);
  found = generated({"x", "-n", "0"});
  EXPECT_EQ(found["ids"], json::array());
  EXPECT_EQ(found["stop_reason"], "length");
}

TEST_F(GenerationCommands, SeveralSamples) {
  const json one = generated({"x", "-n", "12", "--seed", "4", "--ignore-eos"});
  const json three = generated({"x", "-n", "12", "--seed", "4", "--ignore-eos", "--num-samples", "3"});
  ASSERT_EQ(three["samples"].size(), 3u);
  EXPECT_EQ(three["samples"][0]["ids"], one["ids"]);
  EXPECT_EQ(three["ids"], one["ids"]);
  EXPECT_NE(three["samples"][1]["ids"], three["samples"][2]["ids"]);
  const Outcome text = generate({"x", "-n", "2", nothing_but("b"), "--num-samples", "2"});
  EXPECT_EQ(text.out, "== 1 ==\nbb\n== 2 ==\nbb\n");
}

TEST_F(GenerationCommands, LogProbabilities) {
  const json found = generated({"x", "-n", "3", "--temperature", "0", "--ignore-eos", "--logprobs", "4"});
  ASSERT_EQ(found["logprobs"].size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const json& of = found["logprobs"][i];
    EXPECT_EQ(of["id"], found["ids"][i]);
    ASSERT_EQ(of["top"].size(), 4u);
    EXPECT_EQ(of["top"][0]["id"], of["id"]);
    EXPECT_LT(of["logprob"], 0.0);
    EXPECT_GE(of["top"][2]["logprob"], of["top"][3]["logprob"]);
  }
  EXPECT_FALSE(generated({"x", "-n", "3"}).contains("logprobs"));
}

TEST_F(GenerationCommands, StatesContinue) {
  const std::vector<std::string> settings{"--seed", "9", "--ignore-eos", "--repetition-penalty", "1.2"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), settings.begin(), settings.end());
    return generated(more)["ids"].get<std::vector<int>>();
  };
  const std::vector<int> whole = with({"Once upon", "-n", "10"});
  for (const std::string first : {"0", "4"}) {
    std::vector<int> parts = with({"Once upon", "-n", first, "--save-state", path("state")});
    const std::vector<int> rest = with({"-n", std::to_string(10 - std::stoi(first)), "--load-state", path("state")});
    parts.insert(parts.end(), rest.begin(), rest.end());
    EXPECT_EQ(parts, whole) << first;
  }
  expect_failure({"--load-state", path("none"), "x"}, 1, "none");
  expect_failure({"--load-state", path("config.json"), "x"}, 1, "state");
}

TEST_F(GenerationCommands, WrongUsage) {
  expect_failure({"x", "--no-such-flag"}, 2, "no-such-flag");
  expect_failure({"x", "--temprature", "1"}, 2, "--temperature");
  expect_failure({"x", "--temperature", "-1"}, 2, "temperature: expected a number of at least 0, found -1");
  expect_failure({"x", "--temperature", "nan"}, 2, "temperature");
  expect_failure({"x", "--temperature", "warm"}, 2, "temperature");
  expect_failure({"x", "--top-p", "0"}, 2, "top_p");
  expect_failure({"x", "--top-k", "-3"}, 2, "--top-k: expected a whole number");
  expect_failure({"x", "--min-p", "2"}, 2, "min_p");
  expect_failure({"x", "--typical-p", "0"}, 2, "typical_p");
  expect_failure({"x", "--repetition-penalty", "0"}, 2, "repetition_penalty");
  expect_failure({"x", "--logit-bias", "many"}, 2, "ID:BIAS");
  expect_failure({"x", "-n", "-2"}, 2, "expected a whole number from -1, found \"-2\"");
  expect_failure({"x", "--num-samples", "0"}, 2, "num-samples");
  expect_failure({"x", "--stop", ""}, 2, "stop");
  expect_failure({"x", "-f", "y"}, 2, "excludes");
  EXPECT_EQ(run_saker({"generate", "x"}).code, 2);
  EXPECT_EQ(run_saker({"generate", "--help"}).code, 0);
}

TEST_F(GenerationCommands, BadInput) {
  expect_failure({"-p", ""}, 1, "expected a prompt, found an empty text");
  expect_failure({}, 1, "expected a prompt, found an empty text", "");
  expect_failure({"-f", path("none.txt")}, 1, "none.txt");
  expect_failure({"-p", "a\xff"}, 1, "UTF-8");
  expect_failure({"x", "--logit-bias", "280:1"}, 1, "0 to 279");
  expect_failure({"x", "--device", "cuda:1000"}, 1, "[device]");  // no CUDA, no GPU, or not so many
  expect_failure({"x", "--device", "cuda:"}, 1, "expected auto, cpu, cuda or cuda:N, found \"cuda:\"");
  expect_failure({"x", "--device", "tpu"}, 1, "expected auto, cpu, cuda or cuda:N, found \"tpu\"");
  const Outcome absent = run_saker({"generate", "--model", path("absent"), "x"});
  EXPECT_EQ(absent.code, 1);
  EXPECT_NE(absent.err.find("absent"), std::string::npos) << absent.err;
}

// Starts a text without end, waits for its beginning and interrupts it.
TEST_F(GenerationCommands, CtrlCEndsCleanly) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::execl(SAKER_BINARY_DIR "/saker", "saker", "generate", "--model", path("model").c_str(), "-p", "x", "-n", "-1",
            "--ignore-eos", "--threads", "1", nullptr);
    ::_exit(99);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    if (text.empty()) ::kill(child, SIGINT);
    text.append(buffer, static_cast<size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_EQ(text.back(), '\n');
}

TEST_F(GenerationCommands, Perplexity) {
  const std::string lines = folder_->write("docs.jsonl", "{\"text\": \"one\"}\n{\"text\": \"t\\u00f6\"}\n").string();
  const std::string plain = folder_->write("plain.txt", "one").string();
  const Outcome outcome = run_saker({"perplexity", "--model", path("model"), lines, plain, "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json sources = json::parse(outcome.out)["sources"];
  EXPECT_EQ(sources["docs"]["documents"], 2);
  EXPECT_EQ(sources["docs"]["tokens"], 6);
  EXPECT_EQ(sources["docs"]["bytes"], 6);
  EXPECT_EQ(sources["plain"]["documents"], 1);
  EXPECT_NEAR(sources["plain"]["perplexity"], std::exp(sources["plain"]["nats"].get<double>() / 3), 1e-6);
  EXPECT_NEAR(sources["plain"]["bits_per_byte"], sources["plain"]["nats"].get<double>() / 3 / std::log(2), 1e-9);

  const std::string broken = folder_->write("broken.jsonl", "{\"text\": \"one\"}\n{\"text\": \n").string();
  const std::string empty = folder_->write("empty.jsonl", "").string();
  for (const std::string& file : {broken, empty, path("none.jsonl"), path("model")}) {
    const Outcome failed = run_saker({"perplexity", "--model", path("model"), file, "--json"});
    EXPECT_EQ(failed.code, 1) << file;
    EXPECT_EQ(failed.out, "");
    EXPECT_NE(failed.err, "");
  }
}

TEST_F(GenerationCommands, Bench) {
  const Outcome outcome = run_saker({"bench", "--config", path("config.json"), "-p", "20", "-n", "3", "-b", "2", "-r",
                                     "2", "--threads", "1", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json found = json::parse(outcome.out);
  for (const char* rate : {"prefill_tokens_per_second", "decode_tokens_per_second"}) {
    EXPECT_GT(found[rate]["min"], 0.0);
    EXPECT_LE(found[rate]["min"], found[rate]["median"]);
    EXPECT_LE(found[rate]["median"], found[rate]["max"]);
  }
  EXPECT_GT(found["ceiling"]["read_bytes_per_second"]["median"], 0.0);
  EXPECT_GT(found["share_of_ceiling"]["decode"], 0.0);
  EXPECT_TRUE(found["machine"].contains("cpu"));
  EXPECT_TRUE(found.contains("commit"));

  EXPECT_EQ(run_saker({"bench"}).code, 2);
  EXPECT_EQ(run_saker({"bench", "--op", "rms_norm", "--config", "x"}).code, 2);
  const Outcome unknown = run_saker({"bench", "--op", "softmax"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_NE(unknown.err.find("rms_norm"), std::string::npos);
}

}  // namespace
}  // namespace saker
