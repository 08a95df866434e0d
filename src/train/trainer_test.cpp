// Whole runs of a tiny model in this process: what is exact, what is due, what is refused. The moments at which a
// process can be killed are tried with copies of this program.
#include "train/trainer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <set>

#include "core/killed_process.h"
#include "core/temporary_folder.h"
#include "io/read_file.h"
#include "ops/op_table.h"
#include "train/checkpoint_folder.h"
#include "train/formula_feed.h"

namespace saker {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const std::string kRecipe = R"(
[model]
vocab_size = 61
hidden_size = 16
num_hidden_layers = 2
state_size = 4
eos_token_id = 0
seed = 3
[data]
shards = "shards"
[[stages]]
name = "first"
tokens = 1_500
context = 24
mixture = { threes = 1, sevens = 1 }
[[stages]]
name = "second"
tokens = 700
context = 48
mixture = { threes = 1, sevens = 1 }
[decay]
tokens = 500
context = 48
final_ratio = 0.05
mixture = { threes = 1, sevens = 1 }
[schedule]
learning_rate = 1e-2
warm_up = "300"
batch = { from = 2, to = 5, ramp = "1K" }
[evaluation]
every = "500"
[checkpoints]
every = "200"
keep = 100
[run]
micro_batch_tokens = 96
)";

Recipe recipe(const std::vector<std::string>& overrides = {}) {
  return parse_recipe(kRecipe, "test.toml", "", overrides);
}

struct Outcome {
  bool finished = false;
  uint64_t fingerprint = 0;
  Progress progress;
  std::vector<std::string> news;
  std::vector<ValidationScore> scores;
};

struct Choice {
  RunStart start;
  int threads = 1;
  std::vector<std::string> overrides;
  int64_t stop_after = -1;  // steps of this process
  int64_t noise_from = -1;  // rows
  int64_t document_tokens = 0;
};

Outcome run(const fs::path& out, const Choice& choice = {}) {
  const Recipe of_run = recipe(choice.overrides);
  auto feed = std::make_unique<FormulaFeed>(of_run, choice.document_tokens);
  feed->noise_from = choice.noise_from;
  Outcome result;
  int64_t steps = 0;
  TrainerSettings settings;
  settings.out = out;
  settings.start = choice.start;
  settings.backend = open_backend(choice.threads);
  settings.version = "test";
  settings.validation = {{"held-out", {{1, 4, 13, 40, 60}, std::vector<int32_t>(150, 7)}}};
  settings.stop = [&] { return steps == choice.stop_after; };
  settings.on_step = [&](const StepResult&) { ++steps; };
  settings.on_news = [&](const std::string& line) { result.news.push_back(line); };
  Trainer trainer(of_run, std::move(feed), std::move(settings));
  result.finished = trainer.run();
  result.fingerprint = trainer.fingerprint();
  result.progress = trainer.progress();
  result.scores = trainer.scores();
  return result;
}

Choice resumed(const fs::path& checkpoint = {}) {
  Choice choice;
  choice.start = {RunStart::Kind::resume, checkpoint};
  return choice;
}

std::vector<json> lines_of(const fs::path& out, const char* key) {
  std::ifstream file(out / "metrics.jsonl");
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);)
    if (const json value = json::parse(line); value.contains(key)) lines.push_back(value);
  return lines;
}

// Loss and norm by step; a step that appears twice fails.
std::map<int64_t, std::pair<double, double>> losses(const fs::path& out) {
  std::map<int64_t, std::pair<double, double>> found;
  for (const json& line : lines_of(out, "stage")) {
    EXPECT_TRUE(found.emplace(line["step"], std::pair(line["loss"], line["gradient_norm"])).second) << line;
  }
  return found;
}

// The run that nobody disturbs, made once.
class TrainerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryFolder>();
    reference_ = run(path("reference"));
  }
  static void TearDownTestSuite() { folder_.reset(); }
  static fs::path path(const std::string& name) { return folder_->path() / name; }

  static std::unique_ptr<TemporaryFolder> folder_;
  static Outcome reference_;
};

std::unique_ptr<TemporaryFolder> TrainerTest::folder_;
Outcome TrainerTest::reference_;

TEST_F(TrainerTest, LearnsAndLeavesWhatItPromises) {
  EXPECT_TRUE(reference_.finished);
  const auto of_steps = losses(path("reference"));
  EXPECT_EQ(static_cast<int64_t>(of_steps.size()), reference_.progress.step);
  EXPECT_NEAR(of_steps.begin()->second.first, std::log(61), 0.2);
  EXPECT_LT(of_steps.rbegin()->second.first, 3.7);
  EXPECT_EQ(reference_.progress.tokens, recipe().plan().tokens());
  EXPECT_EQ(reference_.progress.updates, reference_.progress.step);
  EXPECT_TRUE(fs::exists(path("reference/checkpoints/pre-decay/manifest.json")));
  EXPECT_EQ(read_saved_state(path("reference/checkpoints/pre-decay")).progress.tokens, recipe().plan().decay_begin());
  EXPECT_EQ(load_checkpoint(path("reference/model")).config.vocab_size, 61);
  EXPECT_EQ(lines_of(path("reference"), "validation").size(), reference_.news.size());
  ASSERT_EQ(reference_.scores.size(), 1u);
  EXPECT_EQ(reference_.scores[0].tokens, 155);
}

TEST_F(TrainerTest, LossesOfSourcesMakeTheLoss) {
  for (const json& line : lines_of(path("reference"), "stage")) {
    double nats = 0, targets = 0;
    for (const auto& [source, of_source] : line["sources"].items()) {
      nats += of_source["loss"].get<double>() * of_source["targets"].get<double>();
      targets += of_source["targets"].get<double>();
    }
    EXPECT_EQ(targets, line["batch"].get<double>() * line["context"].get<double>());
    EXPECT_NEAR(nats / targets, line["loss"], 1e-12);
  }
}

TEST_F(TrainerTest, ThreadsAndRecomputationChangeNoBit) {
  Choice choice;
  choice.threads = 3;
  EXPECT_EQ(run(path("threads"), choice).fingerprint, reference_.fingerprint);
  choice.overrides = {"run.recompute=full"};
  EXPECT_EQ(run(path("recompute"), choice).fingerprint, reference_.fingerprint);
  EXPECT_EQ(losses(path("recompute")), losses(path("reference")));
}

// Every checkpoint of the run, the last steps of stages among them.
TEST_F(TrainerTest, EveryCheckpointLeadsToTheSameEnd) {
  fs::copy(path("reference"), path("copy"), fs::copy_options::recursive);
  int tried = 0;
  for (const CheckpointEntry& entry : list_checkpoints(path("copy/checkpoints"))) {
    Choice choice = resumed(entry.path);
    choice.threads = 1 + ++tried % 3;
    EXPECT_EQ(run(path("copy"), choice).fingerprint, reference_.fingerprint) << entry.path;
    EXPECT_EQ(losses(path("copy")), losses(path("reference"))) << entry.path;
  }
  EXPECT_GT(tried, 8);
}

TEST_F(TrainerTest, StoppedAfterEveryStepItGoesOn) {
  Choice choice;
  choice.stop_after = 1;
  Outcome last = run(path("stopped"), choice);
  EXPECT_FALSE(last.finished);
  for (int i = 0; !last.finished && i < 100; ++i) {
    choice = resumed();
    choice.stop_after = 1 + i % 2;
    choice.threads = 1 + i % 2;
    last = run(path("stopped"), choice);
  }
  EXPECT_EQ(last.fingerprint, reference_.fingerprint);
  EXPECT_EQ(losses(path("stopped")), losses(path("reference")));
}

TEST_F(TrainerTest, KeepsTheNewestAndTheOneBeforeTheDecay) {
  Choice choice;
  choice.overrides = {"checkpoints.keep=2"};
  run(path("rotated"), choice);
  std::set<std::string> names;
  for (const CheckpointEntry& entry : list_checkpoints(path("rotated/checkpoints")))
    names.insert(entry.path.filename().string());
  EXPECT_EQ(names.size(), 3u);
  EXPECT_TRUE(names.contains("pre-decay"));
  EXPECT_TRUE(names.contains(fmt::format("step-{}", reference_.progress.step)));
}

TEST_F(TrainerTest, ADecayForksFromTheCheckpointBeforeIt) {
  Choice choice;
  choice.start = {RunStart::Kind::fork, path("reference/checkpoints/pre-decay")};
  choice.overrides = {"stages=[]", "decay.mixture.threes=3", "schedule.warm_up=0", "schedule.batch.ramp=0"};
  const Outcome forked = run(path("fork"), choice);
  const SavedState before = read_saved_state(path("reference/checkpoints/pre-decay"));
  EXPECT_EQ(forked.progress.forked_at_tokens, before.progress.tokens);
  EXPECT_EQ(forked.progress.updates, before.progress.updates + forked.progress.step);
  EXPECT_LT(losses(path("fork")).begin()->second.first, losses(path("reference")).begin()->second.first - 0.2);
  // It is resumed like any other run.
  Choice again = resumed(list_checkpoints(path("fork/checkpoints")).front().path);
  again.overrides = choice.overrides;
  EXPECT_EQ(run(path("fork"), again).fingerprint, forked.fingerprint);
}

TEST_F(TrainerTest, RunsDoNotWriteOverOthers) {
  EXPECT_NE(error_of([] { run(path("reference")); }).find("--resume continues it"), std::string::npos);
  Choice other = resumed();
  other.overrides = {"schedule.learning_rate=1"};
  EXPECT_NE(error_of([&] { run(path("reference"), other); }).find("differs in schedule.learning_rate"),
            std::string::npos);
  Choice fork;
  fork.start = {RunStart::Kind::fork, path("reference/checkpoints/pre-decay")};
  fork.overrides = {"model.hidden_size=32"};
  EXPECT_NE(error_of([&] { run(path("other"), fork); }).find("hidden_size"), std::string::npos);
  EXPECT_NE(error_of([] { run(path("nothing"), resumed()); }).find("found none"), std::string::npos);
}

TEST_F(TrainerTest, ADamagedCheckpointIsNamedWithTheIntactOneBefore) {
  fs::copy(path("reference"), path("damaged"), fs::copy_options::recursive);
  const std::vector<CheckpointEntry> entries = list_checkpoints(path("damaged/checkpoints"));
  const fs::path newest = entries.back().path, before = entries[entries.size() - 2].path;
  {
    std::fstream file(newest / "optimizer.safetensors", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(newest / "optimizer.safetensors") / 2));
    file << "x!";
  }
  const std::string error = error_of([] { run(path("damaged"), resumed()); });
  EXPECT_NE(error.find("optimizer.safetensors"), std::string::npos) << error;
  EXPECT_NE(error.find("--resume-from " + before.string()), std::string::npos) << error;
  EXPECT_EQ(run(path("damaged"), resumed(before)).fingerprint, reference_.fingerprint);
  EXPECT_EQ(run(path("damaged"), resumed()).fingerprint, reference_.fingerprint);  // the damaged one was replaced
  for (const char* file : {"manifest.json", "state.json", "model.safetensors"}) {
    const std::string content = read_file(newest / file);
    folder_->write(fs::relative(newest / file, folder_->path()).string(), content.substr(0, content.size() / 2));
    EXPECT_NE(error_of([] { run(path("damaged"), resumed()); }).find(file), std::string::npos) << file;
    folder_->write(fs::relative(newest / file, folder_->path()).string(), content);
  }
  fs::remove(newest / "model.safetensors");
  EXPECT_NE(error_of([] { run(path("damaged"), resumed()); }).find("is missing"), std::string::npos);
}

TEST_F(TrainerTest, WhatIsNoNumberIsSkippedAndThenEndsTheRun) {
  Choice choice;
  choice.overrides = {"schedule.learning_rate=1e3", "schedule.warm_up=0", "optimizer.weight_decay=1e3",
                      "optimizer.clip_norm=0", "spikes.max_in_a_row=3"};
  const std::string error = error_of([&] { run(path("diverged"), choice); });
  EXPECT_NE(error.find("4 steps in a row"), std::string::npos) << error;
  const std::vector<json> events = lines_of(path("diverged"), "event");
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0]["event"], "not_finite");
  EXPECT_EQ(events[0]["skipped"], true);
  EXPECT_EQ(events[0]["documents"][0][0], "threes");
  for (const CheckpointEntry& entry : list_checkpoints(path("diverged/checkpoints"))) verify_checkpoint(entry.path);
}

TEST_F(TrainerTest, SpikesAreLoggedWithTheirDocumentsAndSkipped) {
  Choice choice;
  choice.noise_from = 60;
  choice.overrides = {"spikes.window=5", "spikes.z_score=4", "spikes.max_in_a_row=2", "checkpoints.every=1"};
  const Outcome spiked = run(path("spiked"), choice);
  EXPECT_TRUE(spiked.finished);
  const std::vector<json> events = lines_of(path("spiked"), "event");
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events[0]["event"], "spike");
  EXPECT_GT(std::max(events[0]["loss_z"].get<double>(), events[0]["gradient_norm_z"].get<double>()), 4.0);
  EXPECT_EQ(spiked.progress.skipped, static_cast<int64_t>(events.size()));
  EXPECT_EQ(spiked.progress.updates, spiked.progress.step - spiked.progress.skipped);
  // What is a spike depends on the steps before, also on those before a resume.
  for (const CheckpointEntry& entry : list_checkpoints(path("spiked/checkpoints"))) {
    choice.start = {RunStart::Kind::resume, entry.path};
    EXPECT_EQ(run(path("spiked"), choice).fingerprint, spiked.fingerprint) << entry.path;
  }
}

TEST_F(TrainerTest, CarriedStatesSurviveAResume) {
  Choice choice;
  choice.document_tokens = 36;  // rows of 24 cut them
  choice.overrides = {"data.packing=carried", "schedule.batch.from=5"};
  const Outcome carried = run(path("carried"), choice);
  EXPECT_NE(carried.fingerprint, reference_.fingerprint);
  for (const CheckpointEntry& entry : list_checkpoints(path("carried/checkpoints"))) {
    Choice again = choice;
    again.start = {RunStart::Kind::resume, entry.path};
    EXPECT_EQ(run(path("carried"), again).fingerprint, carried.fingerprint) << entry.path;
  }
}

TEST_F(TrainerTest, AFullDiskLosesNothingThatWasSaved) {
  Choice choice;
  choice.stop_after = 5;
  run(path("full"), choice);
  const auto saved = list_checkpoints(path("full/checkpoints"));
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  for (const rlim_t limit : {4'000, 12'000, 20'000, 40'000}) {
    const rlimit small{limit, old.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    const std::string error = error_of([] { run(path("full"), resumed()); });
    ::setrlimit(RLIMIT_FSIZE, &old);
    EXPECT_NE(error.find("File too large"), std::string::npos) << limit << ": " << error;
    const auto now = list_checkpoints(path("full/checkpoints"));
    EXPECT_GE(now.size(), saved.size());
    verify_checkpoint(now.back().path);
  }
  EXPECT_EQ(run(path("full"), resumed()).fingerprint, reference_.fingerprint);
  EXPECT_EQ(losses(path("full")), losses(path("reference")));
}

// The process that KilledAtAnyMoment kills; a test of its own only in name.
TEST(TrainerChild, DISABLED_Runs) {
  const char* const out = std::getenv("SAKER_TEST_RUN");
  if (!out) GTEST_SKIP();
  Choice choice = list_checkpoints(fs::path(out) / "checkpoints").empty() ? Choice{} : resumed();
  choice.threads = 1 + static_cast<int>(::getpid() % 2);
  std::_Exit(run(out, choice).finished ? 0 : 1);
}

TEST_F(TrainerTest, KilledAtAnyMomentItContinuesBitForBit) {
  using Seconds = std::chrono::duration<double>;
  const Rng rng(static_cast<uint64_t>(::getpid()));
  const auto child = [](const fs::path& out, Seconds after) {
    ::setenv("SAKER_TEST_RUN", out.c_str(), 1);
    return killed("/proc/self/exe", {"--gtest_also_run_disabled_tests", "--gtest_filter=TrainerChild.*"}, SIGKILL,
                  after);
  };
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(child(path("undisturbed"), Seconds(60)), 0);
  const Seconds whole = std::chrono::steady_clock::now() - begin;
  uint64_t kills = 0;
  for (int round = 0; kills < 20 && round < 40; ++round) {
    const fs::path out = path(fmt::format("killed-{}", round));
    int status = -1;
    for (int attempt = 0; attempt < 100 && !WIFEXITED(status); ++attempt) {
      status = child(out, whole * rng.uniform(1000 * static_cast<uint64_t>(round) + static_cast<uint64_t>(attempt)));
      kills += WIFSIGNALED(status);
    }
    EXPECT_EQ(status, 0);
    EXPECT_EQ(run(out, resumed()).fingerprint, reference_.fingerprint) << "after " << kills << " kills";
    EXPECT_EQ(losses(out), losses(path("reference")));
  }
  EXPECT_GE(kills, 20u);
}

TEST_F(TrainerTest, OneProcessAtATime) {
  const RunFolder held(path("held"));
  EXPECT_NE(error_of([] { run(path("held")); }).find("another process"), std::string::npos);
}

}  // namespace
}  // namespace saker
