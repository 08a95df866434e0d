// Whatever a user or a file does wrong: one line on stderr, an exit code, never a crash, a hang or a library's words.
#include <gtest/gtest.h>

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "system/program.h"

namespace saker {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class BadInput : public testing::Test {
 protected:
  BadInput() {
    folder_.write("config.json", R"({"model_type": "falcon_mamba", "vocab_size": 280, "hidden_size": 16,
        "num_hidden_layers": 1, "eos_token_id": 7})");
    EXPECT_EQ(run_saker({"init", "--config", path("config.json"), "--out", path("model")}).code, 0);
  }

  std::string path(const std::string& name) const { return folder_.path() / name; }

  static void expect_line(const Outcome& outcome, int code, const std::string& words) {
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.err.find("internal error"), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find("exception"), std::string::npos) << outcome.err;
  }
  static void expect_failure(const std::vector<std::string>& arguments, int code, const std::string& words) {
    const Outcome outcome = run_saker(arguments);
    expect_line(outcome, code, words);
    EXPECT_EQ(outcome.out, "");
  }
  // Of every command that reads the model's weights and configuration.
  void expect_refused(const std::string& words) const {
    expect_failure({"generate", "--model", path("model"), "-p", "x", "-n", "1", "--threads", "1"}, 1, words);
    expect_failure({"inspect", "--model", path("model")}, 1, words);
    expect_failure({"convert", "--model", path("model"), "--out", path("out")}, 1, words);
    expect_failure({"bench", "--model", path("model"), "-p", "1", "-n", "1", "-r", "1"}, 1, words);
  }

  TemporaryFolder folder_;
};

TEST_F(BadInput, Usage) {
  expect_failure({}, 2, "subcommand is required; try saker --help");
  expect_failure({"genrate"}, 2, R"(unknown command "genrate" (did you mean "generate"?); try saker --help)");
  expect_failure({"frobnicate"}, 2, R"(unknown command "frobnicate"; try)");
  expect_failure({"--modell", "x"}, 2, R"(unknown option "--modell"; try)");
  expect_failure({"generate", "--model", path("model"), "x", "--max-token", "5"}, 2,
                 R"(unknown option "--max-token" (did you mean "--max-tokens"?); try saker generate --help)");
  expect_failure({"convert", "--model", path("model"), "--outt", "x"}, 2, R"(did you mean "--out"?)");
  expect_failure({"tokenize", "--tokenizr", "x"}, 2, R"(did you mean "--tokenizer"?)");
}

TEST_F(BadInput, NumbersThatAreNone) {
  const auto refused = [&](const std::string& command, const std::string& option, const std::string& value,
                           const std::string& words) {
    expect_failure({command, "--model", path("model"), option, value}, 2, option + ": expected " + words);
  };
  for (const char* value : {"-1", "18446744073709551616", "1e3", "0x10", "", " 1", "seven"})
    refused("generate", "--seed", value, "a whole number from 0");
  for (const char* value : {"99999999999999999999", "-2", "1.5", ""})
    refused("generate", "--max-tokens", value, "a whole number from -1");
  for (const char* value : {"-1", "1025", "4294967297", "two"})
    refused("perplexity", "--threads", value, "a whole number from 0 to 1024");
  for (const char* value : {"", "warm", "1e400", "0,5", "1 2"}) refused("generate", "--temperature", value, "a number");
  for (const char* value : {"-1", "99999999999999999999"}) refused("generate", "--top-k", value, "a whole number from");
  refused("bench", "-p", "1099511627776", "a whole number from 1 to 16777216");
  expect_failure({"bench", "train", "--config", path("config.json"), "-l", "1"}, 2,
                 "-l: expected a whole number from 2");
  expect_failure({"init", "--config", path("config.json"), "--out", path("x"), "--seed", "-1"}, 2,
                 "--seed: expected a whole number from 0");
}

TEST_F(BadInput, PathsThatAreEmpty) {
  expect_failure({"generate", "--model", "", "x"}, 2, "--model");
  expect_failure({"generate", "--model", path("model"), "x", "--save-state", ""}, 2, "--save-state");
  expect_failure({"generate", "--model", path("model"), "--load-state", ""}, 2, "--load-state");
  expect_failure({"init", "--config", path("config.json"), "--out", ""}, 2, "--out");
  for (const char* option : {"--data", "--resume-from", "--fork-from"})
    expect_failure({"train", path("none.toml"), "--out", path("x"), option, ""}, 2, option);
  expect_failure({"train", "", "--out", path("x")}, 2, "RECIPE");
}

TEST_F(BadInput, AStateThatCannotBeKeptIsSaidBeforeTheText) {
  for (const std::string& file : {path("none/state"), path("model"), std::string("/dev/full")})
    expect_failure({"generate", "--model", path("model"), "x", "-n", "5", "--save-state", file}, 1, "[file]");
}

TEST_F(BadInput, OutputThatCannotBeWritten) {
  const std::vector<std::vector<std::string>> commands{{"generate", "--model", path("model"), "x", "-n", "3"},
                                                       {"tokenize", "--model", path("model"), "x"},
                                                       {"inspect", "--model", path("model"), "--json"},
                                                       {"doctor"},
                                                       {"--help"}};
  for (const auto& command : commands) {
    expect_line(run_saker(command, "", ">/dev/full"), 1, "saker: ");
    expect_line(run_saker(command, "", ">&-"), 1, "saker: ");
  }
  EXPECT_EQ(run_saker({"inspect", "--model", path("none")}, "", "2>/dev/full").code, 1);
  EXPECT_EQ(run_saker({"inspect", "--model", path("none")}, "", "2>&-").code, 1);
  EXPECT_EQ(run_saker({"inspekt"}, "", "2>/dev/full").code, 2);
}

// The reader ends: so do we, in silence, as programs in a pipe do.
TEST_F(BadInput, AClosedPipeEndsAnEndlessText) {
  const std::string command = "exec " + quoted_for_shell(SAKER_BINARY_DIR "/saker") + " generate --model " +
                              quoted_for_shell(path("model")) + " -p x -n -1 --ignore-eos --threads 1 2>" +
                              quoted_for_shell(path("err"));
  FILE* text = ::popen(command.c_str(), "r");
  ASSERT_NE(text, nullptr);
  EXPECT_NE(std::fgetc(text), EOF);
  const int status = ::pclose(text);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE) << status;
  EXPECT_EQ(read_file(path("err")), "");
}

TEST_F(BadInput, InputThatCannotBeRead) {
  const std::string from_folder = std::string("<").append(quoted_for_shell(path("model")));
  expect_line(run_saker({"tokenize", "--model", path("model")}, "", from_folder), 1, "standard input cannot be read");
  expect_line(run_saker({"tokenize", "--model", path("model"), "--batch"}, "", from_folder), 1, "standard input");
  expect_line(run_saker({"generate", "--model", path("model")}, "", from_folder), 1, "standard input cannot be read");
  expect_line(run_saker({"generate", "--model", path("model")}, "", "<&-"), 1, "standard input cannot be read");
  expect_line(run_saker({"generate", "--model", path("model")}, "\xc0\xaf"), 1, "UTF-8");
}

TEST_F(BadInput, Documents) {
  const auto refused = [&](const std::string& content, const std::string& words) {
    const std::string file = folder_.write("documents.jsonl", content);
    expect_failure({"perplexity", "--model", path("model"), file, "--json"}, 1, words);
  };
  refused("{\"text\": \"a\xff\"}",
          "line 1: expected a JSON object with a string \"text\", found bytes that are not UTF-8");
  refused("{\"text\": \"a\"}\n{\"text\": 5}",
          "line 2: expected a JSON object with a string \"text\", found another value");
  refused("{}", "found none");
  refused("[]", "found another value");
  refused(std::string(100'000, '['), "found broken JSON");
  refused("\n", "expected text, found none");
  // What comes last is known to be absent before anything is computed.
  const std::string fine = folder_.write("fine.txt", "a");
  expect_failure({"perplexity", "--model", path("model"), fine, path("absent")}, 1, "found none");
}

TEST_F(BadInput, Configurations) {
  const json fine = json::parse(read_file(path("model/config.json")));
  const auto refused = [&](const char* key, const json& value) {
    json config = fine;
    config[key] = value;
    folder_.write("model/config.json", config.dump());
    SCOPED_TRACE(config.dump());
    expect_failure({"inspect", "--model", path("model")}, 1, key);
    folder_.write("config.json", config.dump());
    expect_failure({"init", "--config", path("config.json"), "--out", path("out")}, 1, key);
    expect_failure({"bench", "--config", path("config.json")}, 1, key);
  };
  for (const char* key : {"vocab_size", "hidden_size", "num_hidden_layers", "intermediate_size", "state_size",
                          "conv_kernel", "time_step_rank"})
    for (const json& value : {json(0), json(-1), json(int64_t{1} << 62), json(~uint64_t{0}), json(1e30), json(1.5),
                              json("3"), json::array()})
      refused(key, value);
  refused("layer_norm_epsilon", -1.0);
  refused("hidden_act", "relu");
  refused("model_type", "llama");
  refused("eos_token_id", -5);
}

TEST_F(BadInput, WeightFiles) {
  const std::string file = path("model/model.safetensors"), content = read_file(file);
  const auto refused = [&](const std::string& changed, const std::string& words) {
    folder_.write("model/model.safetensors", changed);
    expect_refused(words);
  };
  refused("", "is empty");
  refused("abc", "expected at least 8 bytes");
  refused(std::string(8, '\xff') + "{}", "a claim of 18446744073709551615");
  refused(content.substr(0, content.size() / 2), "is the file truncated?");
  refused(content + "x", "bytes of data as the header says");
  std::string renamed = content;
  renamed.replace(renamed.find("embeddings"), 10, "embeddungs");
  refused(renamed, "expected a tensor backbone.embeddings.weight, found none");
  fs::remove(file);
  expect_refused("found neither");
  fs::create_directory(file);
  expect_refused("found a folder");
  fs::remove(file);
  fs::create_symlink("/dev/zero", file);
  expect_refused("pipe or device");
}

TEST_F(BadInput, Indices) {
  fs::rename(path("model/model.safetensors"), path("outside.safetensors"));
  const auto refused = [&](const std::string& index, const std::string& words) {
    folder_.write("model/model.safetensors.index.json", index);
    expect_refused(words);
  };
  for (const std::string& name :
       {std::string("../outside.safetensors"), path("outside.safetensors"), std::string("x/../../outside.safetensors")})
    refused(json{{"weight_map", {{"backbone.embeddings.weight", name}}}}.dump(), "a file within the folder");
  refused(R"({"weight_map": {"backbone.embeddings.weight": "gone.safetensors"}})", "gone.safetensors");
  refused(R"({"weight_map": {"backbone.embeddings.weight": "config.json"}})", "is this a safetensors file?");
  refused(R"({"weight_map": {"backbone.embeddings.weight": 5}})", "expected weight_map to map to file names");
  refused(R"({"weight_map": {}})", "expected a tensor");
  refused(R"({"weight_map": [)", "ends early");
  refused("{}", "expected a tensor");
}

TEST_F(BadInput, Tokenizers) {
  const json fine = json::parse(read_file(path("model/tokenizer.json")));
  const auto refused = [&](const std::string& text, const std::string& words) {
    const std::string file = folder_.write("model/tokenizer.json", text);
    expect_failure({"tokenize", "--tokenizer", file, "x"}, 1, words);
    expect_failure({"generate", "--model", path("model"), "x", "-n", "1"}, 1, words);
  };
  const auto changed = [&](const char* pointer, const json& value) {
    json tokenizer = fine;
    tokenizer[json::json_pointer(pointer)] = value;
    return tokenizer.dump();
  };
  refused("", "ends early");
  refused(fine.dump().substr(0, 500), "ends early");
  refused("[]", "expected an object");
  refused("{\"model\": \"\xff\"}", "UTF-8");
  refused(std::string(100'000, '['), "levels of nesting");
  refused(changed("/model/type", "Unigram"), "\"Unigram\" is not supported");
  refused(changed("/model/vocab", json::array()), "expected an object");
  refused(changed("/model/vocab/x", int64_t{1} << 62), "expected a token id");
  refused(changed("/model/merges", json{"zz yy"}), "is not in the vocabulary");
  refused(changed("/model/merges", json{5}), "expected two strings");
  refused(changed("/normalizer", {{"type", "Nope"}}), "\"Nope\" is not supported");
  refused(changed("/pre_tokenizer",
                  {{"type", "Split"}, {"pattern", {{"Regex", "(("}}}, {"behavior", "Isolated"}, {"invert", false}}),
          "regular expression \"((\"");
}

// Smaller than the weights, and then full, where we may make one.
TEST_F(BadInput, AFullDisk) {
  const std::string disk = path("disk");
  fs::create_directory(disk);
  if (std::system(("mount -t tmpfs -o size=16k tmpfs " + quoted_for_shell(disk) + " 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "no right to mount a small disk";
  const auto convert = run_saker({"convert", "--model", path("model"), "--out", disk + "/out", "--dtype", "f32"});
  std::ofstream(disk + "/rest") << std::string(1 << 16, 'x');
  const auto save = run_saker({"generate", "--model", path("model"), "x", "-n", "1", "--save-state", disk + "/state"});
  std::error_code ignored;
  const bool left = fs::exists(disk + "/state", ignored) || fs::exists(disk + "/out/model.safetensors", ignored);
  EXPECT_EQ(std::system(("umount " + quoted_for_shell(disk)).c_str()), 0);
  expect_line(convert, 1, "do not fit");
  EXPECT_EQ(save.code, 1);
  EXPECT_NE(save.err.find("No space left on device"), std::string::npos) << save.err;
  EXPECT_FALSE(left);
}

}  // namespace
}  // namespace saker
