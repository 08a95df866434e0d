// saker train as a user runs it: whole runs of a tiny model, killed, resumed, forked, and on disks that are full.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>

#include "core/killed_process.h"
#include "core/rng.h"
#include "data/token_shard.h"
#include "io/checksum.h"
#include "model/checkpoint.h"
#include "system/program.h"
#include "tokenizer/tokenizer.h"
#include "train/checkpoint_folder.h"

namespace saker {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The shipped recipe, made as small as a test.
const std::vector<std::string> kSmall{"model.vocab_size=300",
                                      "model.hidden_size=32",
                                      "model.num_hidden_layers=2",
                                      "model.seed=3",
                                      "stages.0.tokens=9K",
                                      "stages.0.context=48",
                                      "stages.1.tokens=6K",
                                      "stages.1.context=96",
                                      "decay.tokens=4K",
                                      "decay.context=96",
                                      "schedule.learning_rate=5e-3",
                                      "schedule.warm_up=1K",
                                      "schedule.batch={from=2, to=6, ramp=\"4K\"}",
                                      "evaluation.every=5K",
                                      "checkpoints.every=2K",
                                      "checkpoints.export=false",
                                      "run.micro_batch_tokens=192"};

// Two stages and a decay over two sources; kSmall makes it quick.
constexpr const char* kRecipe = R"(
[model]
vocab_size = 2048
hidden_size = 128
num_hidden_layers = 4
state_size = 16
tie_word_embeddings = true
eos_token_id = 0
init = "mamba"

[data]
shards = "shards"

[[stages]]
name = "broad"
tokens = "1.5M"
context = 256
mixture = { web = 0.8, code = 0.2 }

[[stages]]
name = "code"
tokens = "500K"
context = 512
mixture = { web = 0.5, code = 0.5 }

[decay]
tokens = "500K"
context = 512
form = "exponential"
mixture = { web = 0.6, code = 0.4 }

[schedule]
learning_rate = 3e-3

[checkpoints]
keep = 2
)";

// Sentences that can be learnt.
std::vector<std::string> corpus(const std::vector<std::string>& words, int documents, uint64_t seed) {
  const Rng rng(seed);
  std::vector<std::string> out;
  uint64_t drawn = 0;
  const auto below = [&](size_t bound) {
    return static_cast<size_t>(rng.uniform(drawn++) * static_cast<double>(bound));
  };
  for (int i = 0; i < documents; ++i) {
    std::string text;
    for (size_t n = 5 + below(60); n > 0; --n) text += words[below(words.size())] + " ";
    out.push_back(text);
  }
  return out;
}

// One folder with shards for all tests: they take the longest to make.
class TrainingCommands : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryFolder>();
    const std::vector<std::string> web{"the", "falcon", "flies", "over", "sand"}, code{"int", "x", "=", "0;", "return"};
    std::string held_out;
    for (const std::string& text : corpus(web, 10, 3)) held_out += json{{"text", text}}.dump() + "\n";
    folder_->write("held-out.jsonl", held_out);
    folder_->write("config.json", R"({"model_type": "falcon_mamba", "vocab_size": 300, "hidden_size": 16,
        "num_hidden_layers": 1, "eos_token_id": 0})");
    ASSERT_EQ(run_saker({"init", "--config", path("config.json"), "--out", path("bytes")}).code, 0);
    folder_->write("recipe.toml", kRecipe);
    prepare_shards({{"web", corpus(web, 300, 1)}, {"code", corpus(code, 200, 2)}});
    const auto begin = std::chrono::steady_clock::now();
    reference_ = train("reference").out;
    whole_run_ = std::chrono::steady_clock::now() - begin;
    ASSERT_NE(reference_, "");
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static std::string path(const std::string& name) { return (folder_->path() / name).string(); }

  static void prepare_shards(const std::map<std::string, std::vector<std::string>>& sources) {
    const fs::path shards = path("shards");
    fs::create_directories(shards);
    fs::copy_file(path("bytes/tokenizer.json"), shards / "tokenizer.json");
    const std::string text = read_file(shards / "tokenizer.json");
    const Tokenizer tokenizer = Tokenizer::from_json(text);
    Manifest manifest;
    manifest.tokenizer = checksum(std::as_bytes(std::span(text)));
    manifest.vocab_size = static_cast<int64_t>(tokenizer.vocab_size());
    for (const auto& [name, documents] : sources) {
      ShardBuilder builder(manifest.token_bytes());
      for (const std::string& document : documents) {
        std::vector<int32_t> ids;
        tokenizer.encode_to(document, false, ids);
        builder.add(ids, static_cast<int64_t>(document.size()));
      }
      manifest.sources.push_back({name, {}, true, {builder.write(shards, name + "-00000.tokens", manifest.tokenizer)}});
    }
    write_manifest(shards, manifest);
  }

  // The recipe, and what comes with it.
  static std::vector<std::string> recipe() {
    std::vector<std::string> words{path("recipe.toml"), "--data", path("shards")};
    std::vector<std::string> sets = kSmall;
    sets.push_back(fmt::format("evaluation.files=[\"{}\"]", path("held-out.jsonl")));
    for (const std::string& set : sets) words.insert(words.end(), {"--set", set});
    return words;
  }
  static std::vector<std::string> arguments(const std::string& out, const std::vector<std::string>& more = {}) {
    std::vector<std::string> all{"train", "--out", path(out), "--json"};
    for (const std::vector<std::string>& words : {recipe(), more}) all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  static Outcome train(const std::string& out, const std::vector<std::string>& more = {}) {
    return run_saker(arguments(out, more));
  }
  static json summary(const Outcome& outcome) {
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return json::parse(outcome.out, nullptr, false);
  }
  static std::string fingerprint(const Outcome& outcome) { return summary(outcome).value("fingerprint", "none"); }
  static std::string expected_fingerprint() { return json::parse(reference_)["fingerprint"]; }

  static std::vector<json> metrics(const std::string& out) {
    std::ifstream file(path(out) + "/metrics.jsonl");
    std::vector<json> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
    return lines;
  }
  // Losses by step; a step that appears twice fails.
  static std::map<int64_t, double> losses(const std::string& out) {
    std::map<int64_t, double> found;
    for (const json& line : metrics(out))
      if (line.contains("stage")) {
        EXPECT_TRUE(found.emplace(line["step"], line["loss"]).second) << line;
      }
    return found;
  }
  static std::set<std::string> checkpoints(const std::string& out) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(path(out) + "/checkpoints"))
      names.insert(entry.path().filename().string());
    return names;
  }
  static bool has_checkpoint(const std::string& out) {
    return fs::exists(path(out)) && !list_checkpoints(path(out) + "/checkpoints").empty();
  }
  static void expect_failure(const Outcome& outcome, int code, const std::string& words) {
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
  }

  // The share of the time that a whole run takes, after which it gets the signal; its wait status.
  static int interrupted(const std::vector<std::string>& words, int signal, double share) {
    return killed(SAKER_BINARY_DIR "/saker", words, signal, whole_run_ * share);
  }

  static std::unique_ptr<TemporaryFolder> folder_;
  static std::string reference_;                    // the summary of the run that nobody disturbed
  static std::chrono::duration<double> whole_run_;  // its time
};

std::unique_ptr<TemporaryFolder> TrainingCommands::folder_;
std::string TrainingCommands::reference_;
std::chrono::duration<double> TrainingCommands::whole_run_;

TEST_F(TrainingCommands, LearnsAndLeavesWhatItPromises) {
  const auto of_steps = losses("reference");
  const json summary = json::parse(reference_);
  EXPECT_EQ(static_cast<int64_t>(of_steps.size()), summary["steps"].get<int64_t>());
  EXPECT_NEAR(of_steps.begin()->second, std::log(300), 0.3);
  EXPECT_LT(of_steps.rbegin()->second, 2.0);
  EXPECT_LT(summary["validation"]["held-out"], 3.0);
  EXPECT_TRUE(checkpoints("reference").contains("pre-decay"));
  EXPECT_EQ(checkpoints("reference").size(), 3u);  // and the two newest
  const Outcome generated = run_saker({"generate", "--model", path("reference/model"), "-p", "the falcon", "-n", "8"});
  EXPECT_EQ(generated.code, 0) << generated.err;
  for (const auto& entry : fs::directory_iterator(path("reference/checkpoints")))
    EXPECT_EQ(run_saker({"inspect", "--model", entry.path().string()}).code, 0);
}

// A model, and no checkpoint any more.
TEST_F(TrainingCommands, ACheckpointIsConvertedToFilesOfASize) {
  const Outcome converted = run_saker({"convert", "--model", path("reference/checkpoints/pre-decay"), "--dtype", "bf16",
                                       "--max-shard-size", "20kb", "--out", path("converted")});
  ASSERT_EQ(converted.code, 0) << converted.err;
  std::set<std::string> others;
  int shards = 0;
  for (const auto& entry : fs::directory_iterator(path("converted")))
    if (entry.path().extension() == ".safetensors") {
      ++shards;
      EXPECT_LE(fs::file_size(entry), 20u * 1024 + 2048) << entry.path();  // and the header
    } else {
      others.insert(entry.path().filename().string());
    }
  EXPECT_GE(shards, 2);
  EXPECT_EQ(others, (std::set<std::string>{"config.json", "generation_config.json", "model.safetensors.index.json",
                                           "tokenizer.json"}));
  EXPECT_EQ(run_saker({"generate", "--model", path("converted"), "-p", "the falcon", "-n", "8"}).code, 0);
}

TEST_F(TrainingCommands, MetricsTellEverySource) {
  std::set<std::string> stages, sources;
  for (const json& line : metrics("reference"))
    if (line.contains("stage")) {
      stages.insert(line["stage"]);
      double nats = 0, targets = 0;
      for (const auto& [source, of_source] : line["sources"].items()) {
        sources.insert(source);
        nats += of_source["loss"].get<double>() * of_source["targets"].get<double>();
        targets += of_source["targets"].get<double>();
      }
      EXPECT_NEAR(nats / targets, line["loss"], 1e-9);
      EXPECT_GT(line["tokens_per_second"], 0);
      EXPECT_GT(line["mfu"], 0);
    }
  EXPECT_EQ(stages, (std::set<std::string>{"broad", "code", "decay"}));
  EXPECT_EQ(sources, (std::set<std::string>{"web", "code"}));
}

// The lines of evaluations alone.
std::vector<json> evaluations(std::vector<json> lines) {
  std::erase_if(lines, [](const json& line) { return !line.contains("validation"); });
  return lines;
}

TEST_F(TrainingCommands, ShardsValidateAsTheirTextsDo) {
  const auto prepare = [](const std::string& tokenizer, const std::string& out) {
    return run_saker({"data", "prepare", path("held-out.jsonl"), "--tokenizer", path(tokenizer), "--out", path(out)});
  };
  ASSERT_EQ(prepare("bytes/tokenizer.json", "held-out").code, 0);
  const std::vector<std::string> shards{"--set", "evaluation.files=[]", "--set",
                                        "evaluation.shards=" + path("held-out")};
  EXPECT_EQ(fingerprint(train("sharded", shards)), expected_fingerprint());
  EXPECT_EQ(evaluations(metrics("sharded")), evaluations(metrics("reference")));

  const Outcome of_data =
      train("of-data", {"--set", "evaluation.sources=[\"code\"]", "--set", "evaluation.max_tokens=500"});
  EXPECT_EQ(summary(of_data)["validation"].size(), 2u);
  for (const json& line : evaluations(metrics("of-data"))) EXPECT_LE(line["validation"]["code"]["tokens"], 500);

  folder_->write("other.json", read_file(path("bytes/tokenizer.json")) + "\n");
  ASSERT_EQ(prepare("other.json", "held-out-other").code, 0);
  const auto mistake = [](const std::string& set) { return train("mistake", {"--set", "evaluation." + set}); };
  expect_failure(mistake("shards=" + path("held-out-other")), 1,
                 fmt::format("expected the tokenizer of {}, found another", path("held-out-other")));
  expect_failure(mistake("shards=" + path("held-out")), 1, "found \"held-out\" twice");
  expect_failure(mistake("shards=" + path("nowhere")), 1, "found no manifest.json");
  expect_failure(mistake("sources=[\"books\"]"), 1, "expected one of its sources (code, web), found \"books\"");
}

TEST_F(TrainingCommands, ThreadsAndRecomputationChangeNoBit) {
  EXPECT_EQ(fingerprint(train("threads", {"--threads", "1"})), expected_fingerprint());
  EXPECT_EQ(fingerprint(train("recompute", {"--set", "run.recompute=full", "--threads", "3"})), expected_fingerprint());
}

TEST_F(TrainingCommands, KilledAtAnyMomentItContinuesBitForBit) {
  const Rng rng(static_cast<uint64_t>(::getpid()));
  uint64_t kills = 0;
  for (int round = 0; kills < 10 && round < 100; ++round) {
    const std::string out = fmt::format("killed-{}", round);
    int status = -1;
    for (int attempt = 0; attempt < 100 && !WIFEXITED(status); ++attempt) {
      std::vector<std::string> words = arguments(out, {"--threads", std::to_string(1 + attempt % 3)});
      if (has_checkpoint(out)) words.push_back("--resume");
      status = interrupted(words, SIGKILL,
                           rng.uniform(1000 * static_cast<uint64_t>(round) + static_cast<uint64_t>(attempt)));
      kills += WIFSIGNALED(status);
    }
    EXPECT_EQ(status, 0);
    EXPECT_EQ(fingerprint(train(out, {"--resume"})), expected_fingerprint()) << kills << " kills";
    EXPECT_EQ(losses(out), losses("reference"));
  }
  EXPECT_GE(kills, 10u);
}

TEST_F(TrainingCommands, AnEarlierCheckpointLeadsToTheSameEnd) {
  ASSERT_EQ(
      summary(train("kept", {"--set", "checkpoints.keep=100", "--set", "checkpoints.every=1"})).value("skipped", -1),
      0);
  const auto names = checkpoints("kept");
  const Rng rng(11);
  for (uint64_t i = 0; i < 4; ++i) {
    auto chosen = names.begin();
    std::advance(chosen, static_cast<int64_t>(rng.uniform(i) * static_cast<double>(names.size())));
    const Outcome outcome = train("kept", {"--resume-from", path(fmt::format("kept/checkpoints/{}", *chosen)),
                                           "--threads", std::to_string(1 + i % 3), "--set", "checkpoints.keep=100"});
    EXPECT_EQ(fingerprint(outcome), expected_fingerprint()) << *chosen;
    EXPECT_EQ(losses("kept"), losses("reference")) << *chosen;
  }
}

TEST_F(TrainingCommands, SignalsSaveAndEnd) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string out = fmt::format("signal-{}", signal);
    int status = 0;
    for (int attempt = 0; attempt < 20; ++attempt) {
      fs::remove_all(path(out));
      status = interrupted(arguments(out), signal, 0.2 + 0.03 * attempt);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 130 && !checkpoints(out).empty()) break;
    }
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 130);
    EXPECT_EQ(fingerprint(train(out, {"--resume"})), expected_fingerprint());
    EXPECT_EQ(losses(out), losses("reference"));
  }
}

TEST_F(TrainingCommands, ADecayForksFromTheCheckpointBeforeIt) {
  const std::vector<std::string> decay_only{"--set",       "stages=[]",
                                            "--set",       "schedule.batch={to=6}",
                                            "--set",       "decay.mixture={web=1}",
                                            "--fork-from", path("reference/checkpoints/pre-decay")};
  const Outcome outcome = train("fork", decay_only);
  const json forked = summary(outcome);
  EXPECT_LT(losses("fork").begin()->second, 3.0);  // not from random weights
  EXPECT_NE(forked["fingerprint"], expected_fingerprint());
  EXPECT_LT(forked["validation"]["held-out"], 1.5);
  expect_failure(train("fork", decay_only), 1, "holds checkpoints of a run");
}

TEST_F(TrainingCommands, ADamagedCheckpointIsNamedWithTheIntactOneBefore) {
  ASSERT_EQ(train("damaged").code, 0);
  std::vector<std::pair<int64_t, std::string>> steps;
  for (const std::string& name : checkpoints("damaged"))
    if (name.starts_with("step-")) steps.emplace_back(std::stoll(name.substr(5)), name);
  std::sort(steps.begin(), steps.end());
  const std::string newest = path(fmt::format("damaged/checkpoints/{}", steps.back().second));
  const std::string before = path(fmt::format("damaged/checkpoints/{}", steps[steps.size() - 2].second));
  {
    std::fstream file(newest + "/optimizer.safetensors", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5000);
    file.put('\x55');
    file.put('\xAA');
  }
  const Outcome outcome = train("damaged", {"--resume"});
  expect_failure(outcome, 1, "optimizer.safetensors");
  expect_failure(outcome, 1, fmt::format("--resume-from {}", before));
  EXPECT_TRUE(fs::exists(newest));
  EXPECT_EQ(fingerprint(train("damaged", {"--resume-from", before})), expected_fingerprint());
  EXPECT_EQ(fingerprint(train("damaged", {"--resume"})), expected_fingerprint());  // written anew
  fs::resize_file(newest + "/model.safetensors", 100);
  expect_failure(train("damaged", {"--resume"}), 1, "expected");
  fs::remove(newest + "/model.safetensors");
  expect_failure(train("damaged", {"--resume"}), 1, "is missing");
}

TEST_F(TrainingCommands, AFullDiskLosesNothingThatWasSaved) {
  // The limit on the size of files stands in for the disk: the optimiser's file is the largest.
  const auto limited = [&](const std::string& out, int kilobytes, const std::vector<std::string>& more) {
    std::string command =
        fmt::format("trap '' XFSZ; ulimit -f {}; exec ", kilobytes) + quoted_for_shell(SAKER_BINARY_DIR "/saker");
    for (const std::string& word : arguments(out, more)) command += fmt::format(" {}", quoted_for_shell(word));
    command += fmt::format(" >/dev/null 2>{}", quoted_for_shell(path("full.err")));
    const int status = std::system(command.c_str());
    return Outcome{WEXITSTATUS(status), "", read_file(path("full.err"))};
  };
  ASSERT_EQ(interrupted(arguments("full"), SIGKILL, 0.0), SIGKILL);
  expect_failure(limited("full", 64, {}), 1, "cannot be written: File too large");
  EXPECT_TRUE(checkpoints("full").empty());
  ASSERT_EQ(train("half").code, 0);
  const auto before = checkpoints("half");
  const std::string earlier = path("half/checkpoints/pre-decay");
  expect_failure(limited("half", 64, {"--resume-from", earlier}), 1, "File too large");
  EXPECT_EQ(checkpoints("half"), before);
  EXPECT_EQ(fingerprint(train("half", {"--resume-from", earlier})), expected_fingerprint());
}

TEST_F(TrainingCommands, DryRunsComputeNothing) {
  const Outcome outcome = train("none", {"--dry-run", "--tokens-per-second", "1000"});
  EXPECT_FALSE(fs::exists(path("none")));
  const json plan = summary(outcome);
  EXPECT_EQ(plan["steps"], json::parse(reference_)["steps"]);
  EXPECT_EQ(plan["tokens"], json::parse(reference_)["tokens"]);
  EXPECT_NEAR(plan["stages"][0]["sources"]["web"].get<double>(), 0.8 * 9024, 1);
  EXPECT_GT(plan["memory_bytes"], 100'000);
  const Outcome text = run_saker({"train", SAKER_SOURCE_DIR "/recipes/falcon-mamba-7b.toml", "--dry-run"});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_NE(text.out.find("7272665088 parameters"), std::string::npos) << text.out;
  const std::string no_utf8 = path("\xff.toml");  // a recipe is named after its file
  fs::copy_file(path("recipe.toml"), no_utf8);
  EXPECT_EQ(summary(run_saker({"train", no_utf8, "--dry-run", "--json"}))["recipe"], "\uFFFD");
}

// What rows add to a pass is told before: the rest is the same program.
TEST_F(TrainingCommands, DryRunsKnowTheMemoryOfAPass) {
  const auto memory_of = [](const std::string& rows, const std::string& member, const std::vector<std::string>& how) {
    std::vector<std::string> words{"--set", "model.hidden_size=128",          "--set", "schedule.batch={to=128}",
                                   "--set", "run.micro_batch_tokens=" + rows, "--set", "run.recompute=full"};
    words.insert(words.end(), how.begin(), how.end());
    return summary(train("memory-" + rows, words)).value(member, 0.0);
  };
  const auto added = [&](const std::string& member, const std::vector<std::string>& how = {}) {
    return memory_of("6144", member, how) - memory_of("768", member, how);
  };
  const double planned = added("memory_bytes", {"--dry-run"});
  EXPECT_GT(planned, 5e7);
  EXPECT_NEAR(added("peak_memory_bytes"), planned, 0.05 * planned);
}

// The copy that checkpoints are written from is there from the first of them on.
TEST_F(TrainingCommands, DryRunsKnowTheMemoryOfTheCopy) {
  const auto memory = [](const std::string& member, bool asynchronous, const std::vector<std::string>& how) {
    std::vector<std::string> words{"--set", "model.hidden_size=512", "--set", "stages=[]", "--set", "decay.tokens=2K",
                                   "--set", "checkpoints.every=500", "--set"};
    words.push_back(fmt::format("checkpoints.asynchronous={}", asynchronous));
    words.insert(words.end(), how.begin(), how.end());
    return summary(train(fmt::format("copy-{}", asynchronous), words)).value(member, 0.0);
  };
  const double planned = memory("memory_bytes", true, {"--dry-run"}) - memory("memory_bytes", false, {"--dry-run"});
  EXPECT_GT(planned, 4e7);
  EXPECT_NEAR(memory("peak_memory_bytes", true, {}) - memory("peak_memory_bytes", false, {}), planned, 0.1 * planned);
}

TEST_F(TrainingCommands, CheckpointsOfEitherWayHaveTheSameBytes) {
  EXPECT_EQ(fingerprint(train("waiting", {"--set", "checkpoints.asynchronous=false"})), expected_fingerprint());
  for (const std::string& name : checkpoints("reference"))
    for (const char* file : {"model.safetensors", "optimizer.safetensors", "config.json", "tokenizer.json"}) {
      const std::string inside = fmt::format("/checkpoints/{}/{}", name, file);
      EXPECT_TRUE(read_file(path("waiting") + inside) == read_file(path("reference") + inside)) << inside;
    }
}

TEST_F(TrainingCommands, MomentsIn8BitsAreResumedBitForBit) {
  const std::vector<std::string> coded{"--set", "optimizer.moments=8-bit"};
  const Outcome whole = train("coded", coded);
  const double loss = summary(whole)["validation"]["held-out"],
               exact = json::parse(reference_)["validation"]["held-out"];
  EXPECT_NEAR(loss, exact, 0.02 * exact);
  int status = -1;
  for (int attempt = 0; attempt < 100 && !WIFEXITED(status); ++attempt) {
    std::vector<std::string> words = arguments("coded-killed", coded);
    words.insert(words.end(), {"--threads", std::to_string(1 + attempt % 3)});
    if (has_checkpoint("coded-killed")) words.push_back("--resume");
    status = interrupted(words, SIGKILL, 0.3 + 0.1 * attempt);
  }
  EXPECT_EQ(status, 0);
  EXPECT_EQ(losses("coded-killed"), losses("coded"));
  EXPECT_EQ(fingerprint(train("coded-killed", {"--resume", "--set", "optimizer.moments=8-bit"})), fingerprint(whole));
  expect_failure(train("coded", {"--resume"}), 1, "optimizer.moments");
  expect_failure(train("coded-fork", {"--fork-from", path("coded/checkpoints/pre-decay")}), 1, "found it in 8 bits");
  expect_failure(train("mistake", {"--set", "optimizer.moments=4-bit"}), 1, "8-bit");

  const auto planned = [](const std::string& moments) {
    return summary(train("none", {"--dry-run", "--set", "checkpoints.asynchronous=false", "--set",
                                  "optimizer.moments=" + moments}))["memory_bytes"]
        .get<double>();
  };
  EXPECT_GT(planned("f32") - planned("8-bit"), 4 * 300 * 32);
}

TEST_F(TrainingCommands, MistakesAreClear) {
  const auto with = [&](const std::vector<std::string>& more) { return train("mistake", more); };
  expect_failure(run_saker({"train", path("absent.toml"), "--out", path("mistake")}), 1, "absent.toml");
  expect_failure(run_saker({"train", path("absent.toml")}), 2, "--out");
  expect_failure(with({"--set", "schedule.learning_rat=1"}), 1, "did you mean \"learning_rate\"?");
  expect_failure(run_saker({"train", path("recipe.toml"), "--data", "nowhere", "--out", path("mistake")}), 1,
                 "nowhere");
  expect_failure(with({"--set", "stages.0.mixture.books=1"}), 1, "books");
  expect_failure(with({"--set", "model.vocab_size=100"}), 1, "vocabulary");
  expect_failure(with({"--set", "evaluation.files=[\"none.jsonl\"]"}), 1, "none.jsonl");
  expect_failure(with({"--device", "abacus"}), 1, "abacus");
  expect_failure(with({"--resume"}), 1, "found none");
  expect_failure(with({"--fork-from", path("shards")}), 1, "manifest.json");
  expect_failure(train("reference"), 1, "--resume continues it");
  expect_failure(train("reference", {"--resume", "--set", "schedule.learning_rate=1"}), 1, "schedule.learning_rate");
  expect_failure(train("reference", {"--resume", "--fork-from", "x"}), 2, "--fork-from");
  expect_failure(
      train("other-model", {"--fork-from", path("reference/checkpoints/pre-decay"), "--set", "model.hidden_size=48"}),
      1, "hidden_size");
}

TEST_F(TrainingCommands, WhatIsNoNumberEndsTheRunWithoutHarm) {
  const Outcome outcome = train("diverged", {"--set", "schedule.learning_rate=1e3", "--set", "optimizer.clip_norm=0",
                                             "--set", "spikes.max_in_a_row=3", "--set", "checkpoints.every=1"});
  if (outcome.code == 0) GTEST_SKIP() << "the model took it";
  expect_failure(outcome, 1, "in a row");
  bool told = false;
  for (const json& line : metrics("diverged"))
    if (line.contains("event")) {
      told = true;
      EXPECT_FALSE(line["documents"].empty());
    }
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace saker
