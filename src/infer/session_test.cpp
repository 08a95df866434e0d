#include "infer/session.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "core/temporary_folder.h"
#include "infer/sample_group.h"
#include "model/state_file.h"
#include "model/tiny_model.h"

namespace saker {
namespace {

class SessionTest : public testing::Test {
 protected:
  Sampler sampler() const {
    return Sampler({.repetition_penalty = 1.3, .frequency_penalty = 0.2, .temperature = 0.8, .top_p = 0.95, .seed = 3},
                   model_.config().vocab_size);
  }
  static std::vector<int32_t> draw(Session& session, Sampler sampler, int count) {
    std::vector<int32_t> ids;
    for (int i = 0; i < count; ++i) ids.push_back(session.next(sampler));
    return ids;
  }
  Session prompted() {
    Session session(model_, workspace_);
    session.append(random_ids(model_.config(), 30, 1));
    return session;
  }

  FalconMamba model_ = tiny_model();
  Workspace workspace_{model_, 16};
  TemporaryFolder folder_;
};

TEST_F(SessionTest, GreedyIsTheModelsArgmax) {
  Session session = prompted();
  const std::vector<int32_t> ids = draw(session, Sampler({.temperature = 0.0}, 97), 12);

  RecurrentState state = model_.new_state();
  std::vector<float> logits(97);
  model_.prefill(workspace_, random_ids(model_.config(), 30, 1), state, logits);
  for (const int32_t id : ids) {
    EXPECT_EQ(id, std::max_element(logits.begin(), logits.end()) - logits.begin());
    model_.step(workspace_, id, state, logits);
  }
  EXPECT_EQ(session.tokens(), 42);
}

TEST_F(SessionTest, AppendingContinues) {
  Session session = prompted();
  draw(session, sampler(), 5);
  session.append(random_ids(model_.config(), 3, 2));
  EXPECT_EQ(session.tokens(), 38);
  EXPECT_EQ(session.state().tokens(), 38);
  session.append({});
  EXPECT_EQ(session.tokens(), 38);
}

TEST_F(SessionTest, ATokenTakenBackWasNeverThere) {
  Session session = prompted(), other = prompted();
  Sampler draws = sampler();
  const int32_t id = session.next(draws);
  session.take_back();
  EXPECT_EQ(session.tokens(), 30);
  EXPECT_EQ(session.next(draws), id);
  session.take_back();
  session.save(folder_.path() / "state");
  EXPECT_EQ(Session::load(folder_.path() / "state", model_, workspace_).session.tokens(), 30);
  const std::vector<int32_t> more = random_ids(model_.config(), 3, 2);
  session.append(more);
  other.append(more);
  const auto a = session.logits(), b = other.logits();
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size_bytes()), 0);
}

TEST_F(SessionTest, ForksContinueBitwise) {
  Session session = prompted();
  draw(session, sampler(), 5);
  Session fork = session.fork();
  const std::vector<int32_t> expected = draw(session, sampler(), 20);
  EXPECT_EQ(draw(fork, sampler(), 20), expected);
  const auto a = session.logits(), b = fork.logits();
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size_bytes()), 0);
}

TEST_F(SessionTest, FilesContinueBitwise) {
  const auto file = folder_.path() / "state";
  for (const int drawn : {0, 7}) {
    Session session = prompted();
    draw(session, sampler(), drawn);
    session.save(file, "mine");
    const std::vector<int32_t> expected = draw(session, sampler(), 20);
    Session::Loaded loaded = Session::load(file, model_, workspace_);
    EXPECT_EQ(loaded.note, "mine");
    EXPECT_EQ(loaded.session.tokens(), 30 + drawn);
    EXPECT_EQ(draw(loaded.session, sampler(), 20), expected);
    const auto a = session.logits(), b = loaded.session.logits();
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size_bytes()), 0);
  }
}

TEST_F(SessionTest, EmptySessionsCanBeSaved) {
  const auto file = folder_.path() / "state";
  Session(model_, workspace_).save(file);
  Session loaded = Session::load(file, model_, workspace_).session;
  EXPECT_EQ(loaded.tokens(), 0);
  EXPECT_THROW(loaded.logits(), Error);
}

TEST_F(SessionTest, RefusesOtherNotes) {
  const auto file = folder_.path() / "state";
  RecurrentState state = model_.new_state();
  for (const std::string& note : {std::string(), std::string("{}"), std::string(40, 'x'), std::string(400, '\xff')}) {
    save_state(file, model_, state, note);
    EXPECT_NE(error_of([&] { Session::load(file, model_, workspace_); }), "") << note;
  }
}

TEST_F(SessionTest, CancelledPromptsLeaveWhatWasRead) {
  Session session(model_, workspace_);
  EXPECT_FALSE(session.append(random_ids(model_.config(), 40, 1), [](int64_t done) { return done < 32; }));
  EXPECT_EQ(session.tokens(), 32);
  EXPECT_THROW(session.logits(), Error);
}

TEST_F(SessionTest, NeedsAToken) {
  Session session(model_, workspace_);
  EXPECT_THROW(session.logits(), Error);
  EXPECT_THROW(session.append(std::vector<int32_t>{97}), Error);
  EXPECT_THROW(session.append(std::vector<int32_t>{-1}), Error);
}

// Members draw what sessions alone draw, also when their neighbours have finished.
TEST_F(SessionTest, GroupsEqualSessionsAlone) {
  Session prompt = prompted();
  SampleGroup group(prompt, 4, sampler().params());
  std::vector<std::vector<int32_t>> drawn(4);
  for (int i = 0; i < 15; ++i) {
    for (const SampleGroup::Draw& draw : group.step()) drawn[static_cast<size_t>(draw.member)].push_back(draw.id);
    if (i == 5) group.finish(1);
  }
  EXPECT_EQ(drawn[1].size(), 6u);
  EXPECT_FALSE(group.done());
  EXPECT_NE(drawn[0], drawn[2]);
  EXPECT_EQ(drawn[0], draw(prompt, sampler(), 15));

  Session member = group.session(0);
  EXPECT_EQ(member.tokens(), 45);
  EXPECT_EQ(draw(member, sampler(), 10), draw(prompt, sampler(), 10));
  Session untouched = SampleGroup(prompt, 2, sampler().params()).session(1);
  EXPECT_EQ(untouched.tokens(), prompt.tokens());
  EXPECT_THROW(SampleGroup(prompt, 0, {}), Error);
  EXPECT_THROW(SampleGroup(prompt, 17, {}), Error);
}

}  // namespace
}  // namespace saker
