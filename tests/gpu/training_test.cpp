// What must hold of training on a GPU: docs/numerics.md, docs/training.md. trainer_test.cpp runs there, too, with
// SAKER_BACKEND=cuda.
#include <cmath>
#include <vector>

#include "conformance/bounds.h"
#include "core/temporary_folder.h"
#include "gpu/gpu_test.h"
#include "gpu/training_run.h"
#include "invariant/training_problem.h"
#include "io/read_file.h"
#include "train/checkpoint_folder.h"
#include "train/estimate.h"

namespace saker {
namespace {

namespace fs = std::filesystem;

// Odd sizes; sizes of the kernels for 16 states; the same with biases, a tied head and no norms of dt, B and C.
enum class Shapes { odd, wide, mamba };

ModelConfig config_of(Shapes shapes) {
  ModelConfig config = tiny_config();
  if (shapes == Shapes::odd) return config;
  config.vocab_size = 512;
  config.d_model = 64;
  config.d_inner = 128;
  config.dt_rank = 8;
  if (shapes == Shapes::wide) return config;
  config.variant = Variant::mamba;
  config.tied_embeddings = config.use_bias = true;
  return config;
}

struct PassKind {
  DType dtype;
  Shapes shapes;
  DType activations = DType::f32;
};

class GpuPass : public GpuTest, public testing::WithParamInterface<PassKind> {
 protected:
  DType dtype() const { return GetParam().dtype; }
  ModelConfig config() const { return config_of(GetParam().shapes); }
  TrainingOptions options(const Backend& backend, int64_t max_rows, int64_t max_slots = 0) const {
    return {.dtype = dtype(),
            .activations = backend.kind == BackendKind::cuda ? GetParam().activations : DType::f32,
            .max_rows = max_rows,
            .max_slots = max_slots};
  }
  TrainingModel model(const Backend& backend, const PassBatch& batch, Recompute recompute = Recompute::none) const {
    TrainingOptions chosen = options(backend, batch.rows() + 5, 4);
    chosen.recompute = recompute;
    return {lively_weights(config(), DType::f32), backend, chosen};
  }
};

bool is_gradient(const std::string& name) {
  return name != "nats" && !name.starts_with("state.");
}

// Both sides are within the bounds of docs/numerics.md of the truth, so that they are within twice of each other. In
// bf16 gradients are bounded as one vector.
TEST_P(GpuPass, AgreesWithTheCpu) {
  const PassBatch batch = mixed_batch(config());
  TrainingModel on_gpu = model(gpu_, batch), on_cpu = model(open_backend(BackendKind::cpu, 0), batch);
  const Outputs got = run_pass(on_gpu, batch), expected = run_pass(on_cpu, batch);
  const double forward = 2.0 * conformance::forward_bound(dtype(), config().n_layer, BackendKind::cuda),
               backward = 2.0 * conformance::gradient_bound(dtype(), config().n_layer, GetParam().activations);
  double error = 0.0, length = 0.0;
  for (const auto& [name, values] : expected) {
    if (!is_gradient(name) || dtype() == DType::f32) {
      EXPECT_LE(conformance::relative_error(got.at(name), values), is_gradient(name) ? backward : forward) << name;
      continue;
    }
    for (size_t i = 0; i < values.size(); ++i) {
      error += (got.at(name)[i] - values[i]) * (got.at(name)[i] - values[i]);
      length += values[i] * values[i];
    }
  }
  EXPECT_LE(std::sqrt(error), backward * std::sqrt(length));
}

TEST_P(GpuPass, RecomputationAndRepetitionChangeNoBit) {
  const PassBatch batch = mixed_batch(config());
  TrainingModel first = model(gpu_, batch);
  const Outputs expected = run_pass(first, batch);
  EXPECT_EQ(run_pass(first, batch), expected);
  for (const Recompute recompute : {Recompute::states, Recompute::in_block, Recompute::full}) {
    TrainingModel other = model(gpu_, batch, recompute);
    EXPECT_EQ(run_pass(other, batch), expected) << static_cast<int>(recompute);
  }
}

// More passes are queued than lists have pinned copies, and none waits for the one before.
TEST_P(GpuPass, ListsMayChangeWhenTheCallReturns) {
  const PassBatch first = make_batch(config(), {60}), second = make_batch(config(), {20, 30}, {}, 77);
  TrainingModel model(lively_weights(config(), DType::f32), gpu_, options(gpu_, 60));
  const auto pass = [&](PassBatch batch, Tensor& nats) {
    model.forward_backward(batch.ids, batch.labels, batch.segments, {}, batch.loss,
                           {nats.view().data, DType::f32, {batch.rows()}});
    std::ranges::fill(batch.ids, -1);
    std::ranges::fill(batch.labels, -1);
    std::ranges::fill(batch.segments, Segment{-5, 1000, 77});
  };
  Tensor nats(DType::f32, {60}, gpu_.place());
  const auto total = [&](bool waits) {
    model.zero_gradients();
    for (int i = 0; i < 6; ++i) {
      pass(i % 2 ? second : first, nats);
      if (waits) model.stream().wait();
    }
    return gradients_of(model);
  };
  const Outputs apart = total(true);
  EXPECT_EQ(total(false), apart);
}

// More segments than memory is planned for: the scan's backward pass finds its states again by itself.
TEST_P(GpuPass, ManyShortDocumentsAreAFew) {
  const PassBatch batch = make_batch(config(), std::vector<int64_t>(40, 6));
  TrainingModel planned = model(gpu_, batch);
  ASSERT_GT(static_cast<int64_t>(batch.segments.size()), planned_segments(batch.rows(), 0));
  const Outputs got = run_pass(planned, batch);
  for (const Recompute recompute : {Recompute::states, Recompute::in_block, Recompute::full}) {
    TrainingModel other = model(gpu_, batch, recompute);
    EXPECT_EQ(run_pass(other, batch), got) << static_cast<int>(recompute);
  }
}

std::string name_of(const testing::TestParamInfo<PassKind>& kind) {
  constexpr const char* kShapes[] = {"odd", "wide", "mamba"};
  return fmt::format("{}_{}{}", name(kind.param.dtype), kShapes[static_cast<int>(kind.param.shapes)],
                     kind.param.activations == DType::bf16 ? "_rounded" : "");
}

INSTANTIATE_TEST_SUITE_P(Types, GpuPass,
                         testing::Values(PassKind{DType::f32, Shapes::odd}, PassKind{DType::bf16, Shapes::odd},
                                         PassKind{DType::bf16, Shapes::odd, DType::bf16},
                                         PassKind{DType::f32, Shapes::wide}, PassKind{DType::bf16, Shapes::wide},
                                         PassKind{DType::bf16, Shapes::wide, DType::bf16},
                                         PassKind{DType::f32, Shapes::mamba}, PassKind{DType::bf16, Shapes::mamba}),
                         name_of);

struct Kind {
  std::string name;
  RunSize size = RunSize::tiny;
  std::vector<std::string> overrides = {};
  int64_t document_tokens = 0;
};

class GpuRun : public GpuTest, public testing::WithParamInterface<Kind> {
 protected:
  RunChoice choice(const Backend& backend) const {
    return {.backend = backend,
            .size = GetParam().size,
            .overrides = GetParam().overrides,
            .document_tokens = GetParam().document_tokens};
  }
  RunChoice resumed(const Backend& backend, const fs::path& checkpoint = {}) const {
    RunChoice made = choice(backend);
    made.start = {RunStart::Kind::resume, checkpoint};
    return made;
  }
  fs::path path(const std::string& name) const { return folder_.path() / name; }
  Recipe recipe() const { return parse_recipe(recipe_text(GetParam().size), "test.toml", "", GetParam().overrides); }

  Backend cpu_ = open_backend(BackendKind::cpu, 0);
  TemporaryFolder folder_;
};

// 20 steps. A step goes about its rate far in the direction of the gradient (docs/numerics.md, AdamW).
TEST_P(GpuRun, LearnsAsTheCpu) {
  const RunOutcome on_gpu = run_recipe(path("gpu"), choice(gpu_)), on_cpu = run_recipe(path("cpu"), choice(cpu_));
  const StepPlan plan = recipe().plan();
  const DType dtype = recipe().model.dtype;
  double rates = 0.0;
  ASSERT_EQ(on_gpu.losses.size(), on_cpu.losses.size());
  ASSERT_GE(on_gpu.losses.size(), 20u);
  auto step = plan.at(0);
  for (size_t i = 0; i < on_gpu.losses.size(); ++i, step = plan.at(step->tokens_after)) {
    const double bound =
        i == 0 ? conformance::forward_bound(dtype, 2, BackendKind::cuda) : conformance::adamw_bound(dtype, rates);
    EXPECT_LE(std::abs(on_gpu.losses[i] / on_cpu.losses[i] - 1.0), bound) << "step " << i + 1;
    rates += step->learning_rate;
  }
  const DType activations = training_options(recipe(), BackendKind::cuda).activations;
  EXPECT_NEAR(on_gpu.norms[0], on_cpu.norms[0],
              2.0 * conformance::gradient_bound(dtype, 2, activations) * on_cpu.norms[0]);
  EXPECT_LT(on_gpu.losses.back(), on_gpu.losses.front() - 0.5);
  EXPECT_NEAR(on_gpu.scores[0].nats_per_token(), on_cpu.scores[0].nats_per_token(),
              conformance::adamw_bound(dtype, rates) * on_cpu.scores[0].nats_per_token());
}

TEST_P(GpuRun, TwoRunsAndAnInterruptedOneAreTheSameBits) {
  const RunOutcome whole = run_recipe(path("whole"), choice(gpu_)), again = run_recipe(path("again"), choice(gpu_));
  EXPECT_EQ(again.fingerprint, whole.fingerprint);
  EXPECT_EQ(again.losses, whole.losses);
  EXPECT_EQ(again.norms, whole.norms);
  RunChoice half = choice(gpu_);
  half.stop_after = 10;
  RunOutcome parts = run_recipe(path("half"), half);
  const RunOutcome rest = run_recipe(path("half"), resumed(gpu_));
  EXPECT_EQ(rest.fingerprint, whole.fingerprint);
  parts.losses.insert(parts.losses.end(), rest.losses.begin(), rest.losses.end());
  EXPECT_EQ(parts.losses, whole.losses);
}

// A checkpoint that is resumed on the other side and saved there at once has the same bytes, and the run goes on.
TEST_P(GpuRun, CheckpointsMoveBetweenDevices) {
  for (const auto& [name, from, to] : {std::tuple("to-gpu", cpu_, gpu_), std::tuple("to-cpu", gpu_, cpu_)}) {
    SCOPED_TRACE(name);
    RunChoice half = choice(from);
    half.stop_after = 10;
    run_recipe(path(name), half);
    const fs::path made = list_checkpoints(path(name) / "checkpoints").back().path,
                   kept = path(std::string(name) + "-kept");
    fs::copy(made, kept, fs::copy_options::recursive);
    RunChoice nothing = resumed(to);
    nothing.stop_after = 0;
    run_recipe(path(name), nothing);
    for (const fs::directory_entry& file : fs::directory_iterator(kept))
      EXPECT_TRUE(read_file(file.path()) == read_file(made / file.path().filename())) << file.path().filename();
    const RunOutcome rest = run_recipe(path(name), resumed(to));
    EXPECT_EQ(rest.losses.size(), 10u);
    EXPECT_LT(rest.losses.back(), 3.9);
  }
}

// One wait in a step: for the norm of its gradients.
TEST_P(GpuRun, AStepAllocatesNothingAndWaitsOnce) {
  RunChoice counted = choice(gpu_);
  std::vector<int64_t> waits;
  std::vector<size_t> free_bytes;
  counted.on_step = [&](int64_t) {
    waits.push_back(gpu_waits());
    free_bytes.push_back(list_gpus()[static_cast<size_t>(gpu_.gpu)].free_bytes);
  };
  run_recipe(path("counted"), counted);
  for (size_t step = 3; step < waits.size() / 2; ++step) {  // a checkpoint is saved before the decay
    EXPECT_EQ(waits[step] - waits[step - 1], 1) << "step " << step + 1;
    EXPECT_EQ(free_bytes[step], free_bytes[step - 1]) << "step " << step + 1;
  }
}

TEST_P(GpuRun, CheckpointsBesideTrainingAreTheSameBytes) {
  RunChoice beside = choice(gpu_), waiting = choice(gpu_);
  for (RunChoice* made : {&beside, &waiting})
    made->overrides.insert(made->overrides.end(), {"checkpoints.every=240", "checkpoints.keep=100"});
  waiting.overrides.emplace_back("checkpoints.asynchronous=false");
  const RunOutcome a = run_recipe(path("beside"), beside), b = run_recipe(path("waiting"), waiting);
  EXPECT_EQ(a.fingerprint, b.fingerprint);
  const std::vector<CheckpointEntry> entries = list_checkpoints(path("beside/checkpoints"));
  EXPECT_GE(entries.size(), 8u);
  for (const CheckpointEntry& entry : entries)
    for (const char* file : {"model.safetensors", "optimizer.safetensors"})
      EXPECT_TRUE(read_file(entry.path / file) == read_file(path("waiting/checkpoints") / entry.path.filename() / file))
          << entry.path;
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, GpuRun,
    testing::Values(Kind{"f32"}, Kind{"bf16", RunSize::tiny, {"model.products=bf16"}}, Kind{"wide_f32", RunSize::wide},
                    Kind{"wide_bf16", RunSize::wide, {"model.products=bf16"}},
                    Kind{"f32_activations", RunSize::wide, {"model.products=bf16", "run.activations=f32"}},
                    Kind{"recomputed", RunSize::wide, {"model.products=bf16", "run.recompute=full"}},
                    Kind{"carried", RunSize::tiny, {"data.packing=carried"}, 36},
                    Kind{"documents", RunSize::wide, {"model.products=bf16"}, 7},
                    Kind{"moments_8bit", RunSize::wide, {"model.products=bf16", "optimizer.moments=8-bit"}},
                    Kind{"split_masters", RunSize::wide, {"model.products=bf16", "optimizer.masters=split"}}),
    [](const auto& kind) { return kind.param.name; });

using GpuPlan = GpuTest;

// Of a model large enough that what CUDA takes for itself, and in pieces of 2 MiB, is little beside it.
TEST_F(GpuPlan, MemoryIsAsPlanned) {
  ModelConfig config = tiny_config();
  config.vocab_size = 8192;
  config.d_model = 512;
  config.d_inner = 1024;
  config.dt_rank = 32;
  config.n_layer = 4;
  const Weights weights = init_weights(config, 1, DType::f32, 0);
  const auto free_bytes = [&] { return static_cast<double>(list_gpus()[static_cast<size_t>(gpu_.gpu)].free_bytes); };
  const bool large = list_gpus()[static_cast<size_t>(gpu_.gpu)].memory_bytes > size_t{16} << 30;
  const int64_t rows = large ? 16384 : 2048;
  const auto measure = [&](TrainingOptions options, const OptimizerSettings& settings) {
    options.max_rows = rows;
    const double before = free_bytes();
    TrainingModel model(weights, gpu_, options);
    Optimizer optimizer(model.parameters(), settings);
    Tensor nats(DType::f32, {options.max_rows}, gpu_.place());
    const PassBatch batch = make_batch(config, std::vector<int64_t>(static_cast<size_t>(options.max_rows / 128), 128));
    for (int step = 0; step < 2; ++step) {
      model.forward_backward(batch.ids, batch.labels, batch.segments, {}, batch.loss, nats.view());
      optimizer.gradient_norm(model.stream());
      optimizer.step(model.stream(), 1e-3);
      model.refresh(false);
      model.stream().wait();
    }
    const double used = before - free_bytes();
    const MemoryPlan plan = TrainingModel::memory(config, options, BackendKind::cuda);
    const auto planned = static_cast<double>(plan.total() + Optimizer::moment_bytes(config, settings.moments));
    return std::pair(used, planned);
  };
  for (const DType dtype : {DType::bf16, DType::f32}) measure({.dtype = dtype}, {});  // loads kernels
  for (const DType dtype : {DType::bf16, DType::f32})
    for (const Recompute recompute : {Recompute::none, Recompute::states, Recompute::full}) {
      const MomentFormat moments = dtype == DType::bf16 ? MomentFormat::eight_bit : MomentFormat::f32;
      const auto [used, planned] = measure({.dtype = dtype, .recompute = recompute}, {.moments = moments});
      EXPECT_NEAR(used, planned, 0.03 * planned) << name(dtype) << " " << name(recompute);
    }
}

}  // namespace
}  // namespace saker
