// Whole runs of a tiny model in this process: what is exact, what is due, what is refused. The moments at which a
// process can be killed are tried with copies of this program.
#include "train/trainer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "core/killed_process.h"
#include "core/temporary_folder.h"
#include "io/read_file.h"
#include "ops/op_table.h"
#include "train/checkpoint_folder.h"
#include "train/estimate.h"
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
  std::function<void(const fs::path&)> on_writing = [](const fs::path&) {};
  std::function<void()> on_step = [] {};
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
  settings.on_step = [&](const StepResult&) {
    ++steps;
    choice.on_step();
  };
  settings.on_writing = choice.on_writing;
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
  const SavedRun before = read_saved_state(path("reference/checkpoints/pre-decay"));
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

// Masters in two halves: every checkpoint leads to the same end, holds whole masters, and is forked with either format.
TEST_F(TrainerTest, SplitMastersSurviveAResume) {
  Choice choice;
  choice.overrides = {"optimizer.masters=split", "model.products=bf16", "optimizer.moments=8-bit"};
  const Outcome split = run(path("split"), choice);
  for (const CheckpointEntry& entry : list_checkpoints(path("split/checkpoints"))) {
    Choice again = choice;
    again.start = {RunStart::Kind::resume, entry.path};
    again.threads = 2;
    EXPECT_EQ(run(path("split"), again).fingerprint, split.fingerprint) << entry.path;
  }
  Choice fork = choice;
  fork.start = {RunStart::Kind::fork, path("split/checkpoints/pre-decay")};
  fork.overrides[0] = "optimizer.masters=f32";
  for (const char* change : {"stages=[]", "schedule.warm_up=0", "schedule.batch.ramp=0"})
    fork.overrides.push_back(change);
  run(path("whole-fork"), fork);
  EXPECT_NEAR(losses(path("whole-fork")).rbegin()->second.first, losses(path("split")).rbegin()->second.first, 0.2);
  Choice wrong;
  wrong.overrides = {"optimizer.masters=split"};
  EXPECT_NE(error_of([&] { run(path("wrong"), wrong); }).find("masters"), std::string::npos);
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

// Name and content of every file of the checkpoints, but for the recipe, which tells how they were written.
std::map<std::string, std::string> checkpoint_files(const fs::path& out) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(out / "checkpoints"))
    if (entry.is_regular_file() && entry.path().filename() != "manifest.json") {
      std::string content = read_file(entry.path());
      if (entry.path().filename() == "state.json") content = json::parse(content)["progress"].dump();
      files[fs::relative(entry.path(), out).string()] = content;
    }
  return files;
}

// Waits until so many steps were made after the one that is being written; false if they are not.
bool awaits_steps(const std::atomic<int64_t>& made, const fs::path& folder, int64_t more, int milliseconds) {
  const int64_t wanted = std::stoll(folder.filename().string().substr(std::string("step-").size())) + more;
  for (int i = 0; i < milliseconds && made < wanted; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return made >= wanted;
}

// No byte is written before training has changed everything.
TEST_F(TrainerTest, CheckpointsOfEitherWayHaveTheSameBytes) {
  Choice waiting, beside;
  waiting.overrides = {"checkpoints.asynchronous=false", "data.packing=carried", "schedule.batch.from=5"};
  waiting.document_tokens = beside.document_tokens = 36;
  beside.overrides = {"data.packing=carried", "schedule.batch.from=5"};
  const Outcome waited = run(path("waiting"), waiting);
  std::atomic<int64_t> steps = 0;
  std::atomic<int> writing = 0;
  int meanwhile = 0;
  beside.on_writing = [&](const fs::path& folder) {
    EXPECT_EQ(++writing, 1);  // one at a time
    const bool waited_for = folder.filename() == "pre-decay" || steps == waited.progress.step;
    if (!waited_for) meanwhile += awaits_steps(steps, folder, 1, 5000);
    --writing;
  };
  beside.on_step = [&] { ++steps; };
  EXPECT_EQ(run(path("beside"), beside).fingerprint, waited.fingerprint);
  EXPECT_GT(meanwhile, 5);
  const auto expected = checkpoint_files(path("waiting")), found = checkpoint_files(path("beside"));
  EXPECT_GT(expected.size(), 40u);
  for (const auto& [name, content] : expected) EXPECT_TRUE(found.contains(name) && found.at(name) == content) << name;
  EXPECT_EQ(found.size(), expected.size());
}

// The first checkpoint is not written before two more steps were made.
TEST_F(TrainerTest, TrainingGoesOnWhileACheckpointIsWritten) {
  for (const bool asynchronous : {true, false}) {
    std::atomic<int64_t> steps = 0;
    bool went_on = false, first = true;
    Choice choice;
    choice.overrides = {fmt::format("checkpoints.asynchronous={}", asynchronous), "checkpoints.every=500"};
    choice.on_step = [&] { ++steps; };
    choice.on_writing = [&](const fs::path& folder) {
      if (!std::exchange(first, false)) return;
      went_on = awaits_steps(steps, folder, 2, asynchronous ? 5000 : 50);
    };
    EXPECT_EQ(run(path(asynchronous ? "goes-on" : "waits"), choice).fingerprint, reference_.fingerprint);
    EXPECT_EQ(went_on, asynchronous);
  }
}

// Whatever checkpoint it is that cannot be written: those before it are as they were, and lead to the same end.
TEST_F(TrainerTest, WhatTheWriterCannotDoEndsTheRun) {
  const std::vector<CheckpointEntry> all = list_checkpoints(path("reference/checkpoints"));
  for (size_t fails = 0; fails < all.size(); ++fails) {
    const fs::path out = path(fmt::format("failed-{}", fails));
    size_t written = 0;
    int64_t steps = 0;
    Choice choice;
    choice.on_step = [&] { ++steps; };
    choice.on_writing = [&](const fs::path&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      if (written++ == fails) fail(ErrorCode::io, "the disk is full");
    };
    EXPECT_EQ(error_of([&] { run(out, choice); }), "the disk is full");
    EXPECT_EQ(list_checkpoints(out / "checkpoints").size(), fails);
    // No further than where the next one was due.
    EXPECT_LE(steps, fails + 1 < all.size() ? all[fails + 1].step : all[fails].step);
    for (const CheckpointEntry& entry : list_checkpoints(out / "checkpoints")) verify_checkpoint(entry.path);
    EXPECT_EQ(run(out, fails == 0 ? Choice{} : resumed()).fingerprint, reference_.fingerprint);
    EXPECT_EQ(losses(out), losses(path("reference")));
  }
}

TEST_F(TrainerTest, AStopWaitsForWhatIsBeingWritten) {
  std::vector<fs::path> written;
  Choice choice;
  choice.overrides = {"checkpoints.every=60"};  // about every step
  choice.stop_after = 3;
  choice.on_writing = [&](const fs::path& folder) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    written.push_back(folder);
  };
  EXPECT_FALSE(run(path("stop"), choice).finished);
  EXPECT_EQ(written.back(), path("stop/checkpoints/step-3"));
  for (const fs::path& folder : written) verify_checkpoint(folder);
  EXPECT_EQ(run(path("stop"), resumed()).fingerprint, reference_.fingerprint);
}

TEST_F(TrainerTest, TheCopyIsAsLargeAsPlanned) {
  for (const auto& [packing, moments] : {std::pair("packed", "f32"), std::pair("carried", "f32"),
                                         std::pair("packed", "8-bit"), std::pair("packed", "split")}) {
    const bool split = std::string_view(moments) == "split";
    const Recipe of_run = recipe({fmt::format("data.packing={}", packing), "schedule.batch.from=5",
                                  split ? "optimizer.masters=split" : fmt::format("optimizer.moments={}", moments),
                                  split ? "model.products=bf16" : "model.products=f32"});
    Parameters parameters(init_weights(of_run.model.config, 1, DType::f32, 1), DType::f32, split, kHost,
                          of_run.optimizer.masters);
    Optimizer optimizer(parameters, of_run.optimizer);
    StatePool lanes(of_run.model.config, Lanes::slots(5));
    const bool carried = of_run.data.packing == Packing::carried;
    Stream stream(open_backend(1));
    const Snapshot snapshot(state_of(parameters, optimizer, carried ? &lanes : nullptr, {}), stream);
    const RunEstimate plan = estimate(of_run);
    // The plan has the two arrays of lanes without what an arena rounds them up by.
    EXPECT_NEAR(static_cast<double>(snapshot.bytes()), static_cast<double>(plan.snapshot_bytes),
                2.0 * Arena::kAlignment)
        << packing;
    EXPECT_EQ(plan.lane_bytes, carried ? lanes.bytes() : 0);
  }
  EXPECT_EQ(estimate(recipe({"checkpoints.asynchronous=false"})).snapshot_bytes, 0u);
  EXPECT_EQ(estimate(recipe({"checkpoints.every=0"})).snapshot_bytes, 0u);  // only those that training waits for
}

TEST_F(TrainerTest, MomentsIn8BitsAreAsExact) {
  Choice choice;
  choice.overrides = {"optimizer.moments=8-bit"};
  const Outcome coded = run(path("coded"), choice);
  EXPECT_NE(coded.fingerprint, reference_.fingerprint);
  // Learns as much, to a tenth.
  const double loss = reference_.scores[0].nats_per_token();
  EXPECT_NEAR(coded.scores[0].nats_per_token(), loss, 0.1 * (std::log(61) - loss));
  Choice threads = choice;
  threads.threads = 3;
  EXPECT_EQ(run(path("coded-threads"), threads).fingerprint, coded.fingerprint);
  EXPECT_EQ(checkpoint_files(path("coded-threads")), checkpoint_files(path("coded")));
  for (const CheckpointEntry& entry : list_checkpoints(path("coded/checkpoints"))) {
    choice.start = {RunStart::Kind::resume, entry.path};
    EXPECT_EQ(run(path("coded"), choice).fingerprint, coded.fingerprint) << entry.path;
  }
}

TEST_F(TrainerTest, MomentsOfAnotherFormatAreRefused) {
  Choice coded = resumed();
  coded.overrides = {"optimizer.moments=8-bit"};
  for (const RunStart& start : {coded.start, RunStart{RunStart::Kind::fork, path("reference/checkpoints/pre-decay")}}) {
    coded.start = start;
    const bool fork = start.kind == RunStart::Kind::fork;
    const std::string error = error_of([&] { run(path(fork ? "coded-fork" : "reference"), coded); });
    EXPECT_NE(error.find("in 8 bits, as the recipe's optimizer.moments says, found it in f32"), std::string::npos)
        << error;
  }
  coded.start = {};
  run(path("coded-origin"), coded);
  Choice exact;
  exact.start = {RunStart::Kind::fork, path("coded-origin/checkpoints/pre-decay")};
  EXPECT_NE(error_of([&] { run(path("exact-fork"), exact); }).find("in f32, as the recipe's"), std::string::npos);
  coded.start = exact.start;
  EXPECT_TRUE(run(path("coded-fork-of-coded"), coded).finished);
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
  // Slow disks as well: there a checkpoint is under way at most moments.
  if (::getpid() % 3 > 0)
    choice.on_writing = [](const fs::path&) { std::this_thread::sleep_for(std::chrono::milliseconds(10)); };
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
