// The stand-in computes as the CPU does: a run on it ends with the CPU's bits, if the host does its part.
#include <unistd.h>

#include <cerrno>

#include "core/temporary_folder.h"
#include "gpu/gpu_test.h"
#include "gpu/training_run.h"
#include "gpu_stand_in/stand_in.h"
#include "train/estimate.h"

namespace saker {
namespace {

using StandIn = GpuTest;

TEST_F(StandIn, RunsAreTheCpus) {
  struct Kind {
    std::vector<std::string> overrides;
    int64_t document_tokens = 0;
  };
  const TemporaryFolder folder;
  for (const Kind& kind :
       {Kind{{"model.products=f32"}}, Kind{{"model.products=bf16", "run.activations=f32", "evaluation.every=480"}},
        Kind{{"run.recompute=in_block"}}, Kind{{"run.recompute=full", "model.products=bf16", "run.activations=f32"}, 9},
        Kind{{"data.packing=carried"}, 36}, Kind{{"data.reset=false"}, 9}, Kind{{"optimizer.moments=8-bit"}},
        Kind{{"optimizer.masters=split", "model.products=bf16", "run.activations=f32"}},
        Kind{{"optimizer.clip_norm=0.1", "optimizer.z_loss=0.01"}},
        Kind{{"schedule.batch.from=1", "schedule.batch.ramp=500"}}}) {
    SCOPED_TRACE(kind.overrides.back());
    RunOutcome outcomes[2];
    for (const bool on_gpu : {false, true}) {
      const std::string out = fmt::format("{}-{}", kind.overrides.front(), kind.overrides.size() + 10 * on_gpu);
      outcomes[on_gpu] = run_recipe(folder.path() / fmt::format("{}-{}", out, kind.document_tokens),
                                    {.backend = on_gpu ? gpu_ : open_backend(BackendKind::cpu, 2),
                                     .overrides = kind.overrides,
                                     .document_tokens = kind.document_tokens});
    }
    EXPECT_EQ(outcomes[1].fingerprint, outcomes[0].fingerprint);
    EXPECT_EQ(outcomes[1].losses, outcomes[0].losses);
    EXPECT_EQ(outcomes[1].norms, outcomes[0].norms);
    EXPECT_EQ(outcomes[1].scores[0].nats, outcomes[0].scores[0].nats);
  }
}

TEST_F(StandIn, ItsMemoryIsGivenBack) {
  const TemporaryFolder folder;
  const size_t before = stand_in_bytes();
  run_recipe(folder.path() / "run", {.backend = gpu_});
  EXPECT_EQ(stand_in_bytes(), before);
}

// Whether a read of the address would end the process: the system refuses it, too.
bool is_out_of_reach(const void* address) {
  int ends[2];
  if (::pipe(ends) != 0) return false;
  const bool refused = ::write(ends[1], address, 1) == -1 && errno == EFAULT;
  ::close(ends[0]);
  ::close(ends[1]);
  return refused;
}

TEST_F(StandIn, TheHostDoesNotReachItsMemory) {
  Tensor there(DType::f32, {4}, gpu_.place());
  EXPECT_TRUE(is_out_of_reach(there.view().data));
  EXPECT_FALSE(is_out_of_reach(&there));
  Stream stream(gpu_);
  float value = 3.0f, back = 0.0f;
  stream.gpu().copy(there.view().data, &value, sizeof value);
  stream.gpu().copy(&back, there.view().data, sizeof back);
  EXPECT_EQ(back, 0.0f);
  stream.wait();
  EXPECT_EQ(back, 3.0f);
}

}  // namespace
}  // namespace saker
