// saker data: the same shards whatever the input is packed in, whoever ended an earlier run, and clear errors.
#include <gtest/gtest.h>

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "system/program.h"
#include "tokenizer/byte_tokenizer.h"

namespace saker {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class DataCommands : public testing::Test {
 protected:
  DataCommands() { folder_.write("tokenizer.json", byte_tokenizer_json(0)); }

  std::string path(const std::string& name) const { return folder_.path() / name; }

  // A file of `documents` texts of all lengths.
  void write_texts(const std::string& name, int documents) const {
    std::string lines;
    for (int i = 0; i < documents; ++i)
      lines += json{{"text", std::string(static_cast<size_t>(i * 7919 % 3000), static_cast<char>('a' + i % 26))},
                    {"content", "short"}}
                   .dump() +
               "\n";
    folder_.write(name, lines);
  }
  std::vector<std::string> prepare(const std::vector<std::string>& inputs, const std::string& out,
                                   const std::vector<std::string>& options = {}) const {
    std::vector<std::string> arguments{"data", "prepare"};
    arguments.insert(arguments.end(), inputs.begin(), inputs.end());
    for (const std::string& word : {std::string("--tokenizer"), path("tokenizer.json"), std::string("--out"), path(out),
                                    std::string("--shard-tokens"), std::string("20000")})
      arguments.push_back(word);
    arguments.insert(arguments.end(), options.begin(), options.end());
    return arguments;
  }
  std::map<std::string, std::string> files(const std::string& folder, const std::string& ending) const {
    std::map<std::string, std::string> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_.path() / folder))
      if (entry.path().native().ends_with(ending)) found[entry.path().filename()] = read_file(entry.path());
    return found;
  }
  static void expect_failure(const Outcome& outcome, const std::string& words, int code = 1) {
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.err.find("internal error"), std::string::npos) << outcome.err;
  }

  TemporaryFolder folder_;
};

TEST_F(DataCommands, CountsAndStatistics) {
  write_texts("web.jsonl", 300);
  folder_.write("book.txt", "one text");
  const Outcome outcome = run_saker(prepare({path("web.jsonl"), "prose=" + path("book.txt")}, "out", {"--json"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json counts = json::parse(outcome.out);
  EXPECT_EQ(counts["sources"]["web"]["documents"], 299);  // one is empty
  EXPECT_EQ(counts["sources"]["prose"]["bytes"], 8);
  EXPECT_EQ(counts["all"]["documents"], 300);
  EXPECT_GT(counts["megabytes_per_second"], 0.0);
  EXPECT_EQ(read_file(path("out/tokenizer.json")), read_file(path("tokenizer.json")));

  const Outcome stats = run_saker({"data", "stats", path("out"), "--verify", "--json"});
  ASSERT_EQ(stats.code, 0) << stats.err;
  const json web = json::parse(stats.out)["sources"]["web"];
  EXPECT_EQ(web["tokens"], counts["sources"]["web"]["tokens"]);
  EXPECT_GT(web["longer_than"]["1024"]["tokens"], web["longer_than"]["1024"]["documents"]);
  EXPECT_EQ(web["longer_than"]["4096"]["documents"], 0.0);
  const Outcome table = run_saker({"data", "stats", path("out")});
  EXPECT_NE(table.out.find("prose"), std::string::npos);
  EXPECT_NE(table.out.find("> 8192"), std::string::npos);
}

TEST_F(DataCommands, CompressedAndPipedAreTheSame) {
  write_texts("web.jsonl", 200);
  ASSERT_EQ(run_saker(prepare({path("web.jsonl")}, "plain")).code, 0);
  const auto expected = files("plain", ".tokens");
  EXPECT_GT(expected.size(), 3u);
  const std::string text = read_file(path("web.jsonl"));
  ASSERT_EQ(run_saker(prepare({"web=-"}, "piped"), text).code, 0);
  EXPECT_EQ(files("piped", ".tokens"), expected);
  if (std::system(("gzip -k " + path("web.jsonl")).c_str()) == 0) {
    ASSERT_EQ(run_saker(prepare({path("web.jsonl.gz")}, "gzip")).code, 0);
    EXPECT_EQ(files("gzip", ".tokens"), expected);
    ASSERT_EQ(run_saker(prepare({"web=-"}, "piped-gzip"), read_file(path("web.jsonl.gz"))).code, 0);
    EXPECT_EQ(files("piped-gzip", ".tokens"), expected);
  }
  const Outcome other = run_saker(prepare({path("web.jsonl")}, "field", {"--text-field", "content", "--json"}));
  EXPECT_EQ(json::parse(other.out)["all"]["bytes"], 200 * 5);
}

TEST_F(DataCommands, BadLinesAreLeftOutOnRequest) {
  std::string lines;
  for (int i = 0; i < 10; ++i) lines += "{\"text\": \"good\"}\n{\"text\": " + std::string(i % 2 ? "1}\n" : "\n");
  folder_.write("web.jsonl", lines);
  expect_failure(run_saker(prepare({path("web.jsonl")}, "out")), "web.jsonl, line 2: ");
  const Outcome outcome = run_saker(prepare({path("web.jsonl")}, "out", {"--skip-bad-lines", "--resume", "--json"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json expected{{"broken_json", 5}, {"another_value", 5}};
  EXPECT_EQ(json::parse(outcome.out)["sources"]["web"]["documents"], 10);
  EXPECT_EQ(json::parse(outcome.out)["sources"]["web"]["skipped_lines"], expected);
  EXPECT_EQ(json::parse(read_file(path("out/manifest.json")))["sources"][0]["skipped_lines"], expected);
  EXPECT_NE(
      outcome.err.find("web.jsonl:4: left out: expected a JSON object with a string \"text\", found another value"),
      std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("web: 10 lines left out: 5 broken_json, 5 another_value"), std::string::npos)
      << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 6) << outcome.err;
}

// Starts the job, ends it with SIGKILL after `delay`, and says whether that came in time.
bool kill_after(std::vector<std::string> arguments, std::chrono::microseconds delay) {
  std::string program = SAKER_BINARY_DIR "/saker";
  std::vector<char*> words{program.data()};
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    if (!std::freopen("/dev/null", "w", stdout)) ::_exit(1);
    ::execv(program.c_str(), words.data());
    ::_exit(127);
  }
  std::this_thread::sleep_for(delay);
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

TEST_F(DataCommands, KilledAtAnyTimeItResumes) {
  write_texts("a.jsonl", 1500);
  write_texts("b.jsonl", 250);
  const std::vector<std::string> inputs{path("a.jsonl"), path("b.jsonl")};
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(run_saker(prepare(inputs, "whole")).code, 0);
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  const auto expected = files("whole", "");
  int killed = 0;
  for (int i = 0; i < 8; ++i) {
    const std::string out = "killed-" + std::to_string(i);
    for (int again = 0; again < 2; ++again)
      killed += kill_after(prepare(inputs, out, {"--resume"}), whole * (2 * i + again) / 16);
    const Outcome outcome = run_saker(prepare(inputs, out, {"--resume", "--workers", std::to_string(1 + i % 3)}));
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(files(out, ""), expected) << i;
  }
  EXPECT_GT(killed, 3);
}

TEST_F(DataCommands, BadInput) {
  write_texts("web.jsonl", 50);
  expect_failure(run_saker({"data"}), "", 2);
  expect_failure(run_saker({"data", "prepar"}), "did you mean \"prepare\"", 2);
  expect_failure(run_saker({"data", "prepare", path("web.jsonl"), "--out", path("out")}), "--tokenizer", 2);
  expect_failure(run_saker(prepare({path("web.jsonl")}, "out", {"--workers", "-1"})), "a whole number from 0", 2);
  expect_failure(run_saker(prepare({path("none.jsonl")}, "out")), "none.jsonl");
  expect_failure(run_saker(prepare({path("")}, "out")), "expected");
  expect_failure(run_saker(prepare({path("web.jsonl")}, "web.jsonl")), "web.jsonl cannot be made");
  folder_.write("broken.jsonl", "{\"text\": \"x\"}\n{\"text\": 1}\n");
  expect_failure(run_saker(prepare({path("broken.jsonl")}, "broken")), "broken.jsonl, line 2");
  expect_failure(run_saker(prepare({"-"}, "stdin"), "[]\n"), "standard input, line 1");
  expect_failure(run_saker(prepare({path("web.jsonl")}, "end", {"--end-of-text", "<end>"})),
                 "--end-of-text names another");

  ASSERT_EQ(run_saker(prepare({path("web.jsonl")}, "out")).code, 0);
  expect_failure(run_saker(prepare({path("web.jsonl")}, "out")), "--resume goes on with it");
  expect_failure(run_saker(prepare({path("web.jsonl")}, "out", {"--resume", "--max-bytes", "5"})), "--max-bytes 0");
  expect_failure(run_saker({"data", "stats", path("none")}), "expected a folder made by saker data prepare");
  std::string shard = read_file(path("out/web-00001.tokens"));
  shard[shard.size() / 2] = '\1';
  folder_.write("out/web-00001.tokens", shard);
  expect_failure(run_saker({"data", "stats", path("out"), "--verify"}), "web-00001.tokens");
  fs::remove(path("out/web-00000.tokens"));
  expect_failure(run_saker({"data", "stats", path("out")}), "web-00000.tokens");
}

// ulimit -f stands for the disk: what was finished before it was full is kept.
TEST_F(DataCommands, AFullDiskLosesNothing) {
  write_texts("web.jsonl", 200);
  ASSERT_EQ(run_saker(prepare({path("web.jsonl")}, "whole")).code, 0);
  std::string command = "trap '' XFSZ; ulimit -f 20; " + quoted_for_shell(SAKER_BINARY_DIR "/saker");
  std::vector<std::string> arguments = prepare({path("web.jsonl")}, "full", {"--resume"});
  for (const std::string& argument : arguments) command += " " + quoted_for_shell(argument);
  const int status = std::system(("sh -c " + quoted_for_shell(command + " 2>" + path("err"))).c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_NE(read_file(path("err")).find("too large"), std::string::npos) << read_file(path("err"));
  ASSERT_EQ(run_saker(arguments).code, 0);
  EXPECT_EQ(files("full", ""), files("whole", ""));
}

}  // namespace
}  // namespace saker
