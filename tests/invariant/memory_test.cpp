// The memory of a recurrent model does not depend on how much it has read or written.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "infer/sample_group.h"
#include "infer/session.h"
#include "invariant/allocation_count.h"
#include "invariant/training_problem.h"
#include "model/tiny_model.h"

namespace saker {
namespace {

// The system adds a thread's resident pages to the process's 64 at a time: `resident` and `peak` are that far off. The
// library that multiplies matrices makes its handles anew for every product and gives them back: where the heap is full
// at that moment it grows by a step of malloc, of 124 to 136 KiB, in which they all fit from then on (seen: once in 200
// training steps, once between two prompts). `mapped` is as far off where products are run.
constexpr int64_t kResolution = 1 << 20;

struct Memory {  // bytes
  int64_t mapped = 0, resident = 0, peak = 0;
};

Memory memory() {
  Memory now;
  std::ifstream file("/proc/self/status");
  for (std::string key; file >> key; file.ignore(1000, '\n')) {
    int64_t* field = key == "VmSize:"  ? &now.mapped
                     : key == "VmRSS:" ? &now.resident
                     : key == "VmHWM:" ? &now.peak
                                       : nullptr;
    if (field != nullptr && file >> *field) *field *= 1024;
  }
  return now;
}

// From here on Memory::peak is of what follows. False where the system does not let us.
bool restart_peak() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good();
}

// Every step of sampling is in use, and every buffer as large as it gets.
SamplingParams all_steps() {
  SamplingParams params;
  params.seed = 3;
  params.temperature = 1.5;
  params.top_k = 90;
  params.top_p = 0.99;
  params.min_p = 1e-6;
  params.typical_p = 0.99;
  params.repetition_penalty = 1.01;
  params.presence_penalty = 0.01;
  params.logit_bias = {{5, 0.5f}};
  return params;
}

class MemoryTest : public testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    if (memory().mapped == 0) GTEST_SKIP() << "this system has no /proc/self/status";
  }

  FalconMamba model_ = tiny_model(GetParam(), /*threads=*/1);
};

TEST_P(MemoryTest, NothingIsAllocatedPerToken) {
  Workspace workspace(model_);
  Session session(model_, workspace);
  session.append(random_ids(model_.config(), 5, 1));
  Sampler sampler(all_steps(), model_.config().vocab_size);
  for (int i = 0; i < 2; ++i) session.next(sampler);
  int64_t before = allocation_count();
  for (int i = 0; i < 300; ++i) session.next(sampler);
  EXPECT_EQ(allocation_count() - before, 0);

  SampleGroup group(session, 6, all_steps());
  for (int i = 0; i < 2; ++i) group.step();
  before = allocation_count();
  for (int i = 0; i < 300; ++i) group.step();
  EXPECT_EQ(allocation_count() - before, 0);
}

TEST_P(MemoryTest, AfterAHundredThousandTokensAsAfterTen) {
  Workspace workspace(model_);
  Session session(model_, workspace);
  session.append(random_ids(model_.config(), 5, 1));
  Sampler sampler(all_steps(), model_.config().vocab_size);
  for (int i = 0; i < 10; ++i) session.next(sampler);
  const Memory ten = memory();
  const size_t state_bytes = session.state().bytes();
  for (int i = 10; i < 100'000; ++i) session.next(sampler);
  const Memory all = memory();
  EXPECT_EQ(session.tokens(), 100'005);
  EXPECT_EQ(session.state().bytes(), state_bytes);
  EXPECT_EQ(all.mapped, ten.mapped);
  EXPECT_LE(all.resident, ten.resident + kResolution);
  EXPECT_LE(all.peak, std::max(ten.peak, ten.resident + kResolution));
}

TEST_P(MemoryTest, ALongPromptTakesThatOfAShortOne) {
  const std::vector<int32_t> ids = random_ids(model_.config(), 200'000, 1);
  std::vector<float> logits(static_cast<size_t>(model_.config().vocab_size));
  Workspace workspace(model_, 500);  // divides both lengths: the same shapes are multiplied
  const auto peak_of_prefill = [&](size_t tokens) {
    RecurrentState state = model_.new_state();
    EXPECT_TRUE(restart_peak());
    model_.prefill(workspace, std::span(ids).first(tokens), state, logits);
    return memory();
  };
  if (!restart_peak()) GTEST_SKIP() << "this system does not reset VmHWM";
  const Memory shorter = peak_of_prefill(20'000);
  const int64_t allocations = live_allocation_count();
  const Memory longer = peak_of_prefill(200'000);
  EXPECT_EQ(live_allocation_count(), allocations);
  EXPECT_LE(longer.mapped, shorter.mapped + kResolution);
  EXPECT_LE(longer.peak, shorter.peak + kResolution);
}

// Handles of products come and go, as many in every step; all else was made before.
TEST_P(MemoryTest, ATrainingStepTakesThatOfTheSecond) {
  const PassBatch batch = mixed_batch(model_.config());
  for (Recompute recompute : {Recompute::none, Recompute::in_block, Recompute::full}) {
    TrainingModel training(
        lively_weights(model_.config(), DType::f32), model_.backend(),
        {.dtype = GetParam(), .recompute = recompute, .max_rows = batch.rows(), .max_slots = batch.slots});
    StatePool states(model_.config(), batch.slots);
    Tensor nats(DType::f32, {batch.rows()});
    const auto allocations_of_step = [&] {
      const int64_t before = allocation_count();
      training.zero_gradients();
      training.forward_backward(batch.ids, batch.labels, batch.segments, states.view(), batch.loss, nats.view());
      training.refresh();
      return allocation_count() - before;
    };
    allocations_of_step();
    const int64_t allocations = allocations_of_step();
    const Memory second = memory();
    for (int i = 0; i < 200; ++i) ASSERT_EQ(allocations_of_step(), allocations);
    const Memory all = memory();
    EXPECT_LE(all.mapped, second.mapped + kResolution);
    EXPECT_LE(all.resident, second.resident + kResolution);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, MemoryTest, testing::Values(DType::f32, DType::bf16),
                         [](const auto& type) { return std::string(name(type.param)); });

}  // namespace
}  // namespace saker
