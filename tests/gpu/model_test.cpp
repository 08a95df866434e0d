// What must hold of a model on a GPU: docs/numerics.md.
#include <bit>
#include <cmath>
#include <future>
#include <span>
#include <vector>

#include "core/temporary_folder.h"
#include "eval/perplexity.h"
#include "gpu/gpu_test.h"
#include "infer/sample_group.h"
#include "infer/session.h"
#include "model/state_file.h"
#include "model/tiny_model.h"

namespace saker {
namespace {

using Logits = std::vector<float>;

struct Result {
  Logits logits;
  RecurrentState state;
};

// Odd sizes; those that the kernels for scan and convolution are made for; those that mixer_step serves.
enum class Size { tiny, wide, steps };

ModelConfig config_of(Size size) {
  ModelConfig config = tiny_config();
  if (size == Size::tiny) return config;
  const bool steps = size == Size::steps;
  config.vocab_size = 512;
  config.d_model = steps ? 512 : 256;
  config.n_layer = 2;
  config.d_inner = steps ? 4096 : 512;
  config.dt_rank = steps ? 256 : 16;
  return config;
}

std::vector<float> values(const ConstTensorView& view, Place place) {
  const Tensor there = fetch(view, place);
  return {there.view().as<float>(), there.view().as<float>() + view.shape.elements()};
}

void expect_close(const std::vector<float>& a, const std::vector<float>& b, double bound) {
  ASSERT_EQ(a.size(), b.size());
  double error = 0.0, scale = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    error = std::max(error, std::abs(static_cast<double>(a[i]) - b[i]));
    scale = std::max(scale, std::abs(static_cast<double>(b[i])));
  }
  EXPECT_LE(error, bound * scale);
}

class GpuModel : public GpuTest, public testing::WithParamInterface<std::pair<DType, Size>> {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped()) return;
    const Weights weights = init_weights(config_of(GetParam().second), 7, DType::f32);
    model_.emplace(weights, gpu_, GetParam().first);
    on_cpu_.emplace(weights, open_backend(BackendKind::cpu, 0), GetParam().first);
    ids_ = random_ids(model_->config(), 203, 1);
  }

  // Of a model of up to 3 layers with inputs of products in `dtype`.
  static double bound_of(DType dtype) {
    const double roundings = dtype == DType::bf16 ? 7.0 : 4.0;
    return dtype == DType::f32 ? 1e-5 : 2.0 * epsilon(dtype) * std::sqrt(3.0 * roundings + 1.0);
  }
  double bound() const {
    if (GetParam().first == DType::fp8) return 2.0 * Float8::kEpsilon * std::sqrt(2.0 * 2.0 + 1.0);  // of 2 layers
    return bound_of(model_->dtype());
  }
  size_t v() const { return static_cast<size_t>(model_->config().vocab_size); }

  Result prefill(const FalconMamba& model, std::span<const int32_t> ids, int64_t chunk = 512) const {
    Workspace workspace(model, chunk);
    Result result{Logits(v()), model.new_state()};
    model.prefill(workspace, ids, result.state, result.logits);
    return result;
  }

  void expect_close_to(const Result& a, const Result& b) const {
    expect_close(a.logits, b.logits, bound());
    expect_close(values(a.state.view().ssm, a.state.place()), values(b.state.view().ssm, b.state.place()), bound());
    expect_close(values(a.state.view().conv, a.state.place()), values(b.state.view().conv, b.state.place()), bound());
  }
  void expect_same_bits(const Result& a, const Result& b) const {
    EXPECT_EQ(a.logits, b.logits);
    EXPECT_EQ(values(a.state.view().ssm, a.state.place()), values(b.state.view().ssm, b.state.place()));
    EXPECT_EQ(values(a.state.view().conv, a.state.place()), values(b.state.view().conv, b.state.place()));
  }

  std::optional<FalconMamba> model_, on_cpu_;
  std::vector<int32_t> ids_;
  TemporaryFolder folder_;
};

TEST_P(GpuModel, AgreesWithTheCpu) {
  expect_close_to(prefill(*model_, ids_), prefill(*on_cpu_, ids_));
}

// Up to 8 tokens at a time inputs of products are not rounded to fp8.
TEST_P(GpuModel, SmallChunksAgreeWithTheCpu) {
  const Result gpu = prefill(*model_, ids_, 8), cpu = prefill(*on_cpu_, ids_);
  const double unrounded = bound_of(model_->dtype());
  expect_close(gpu.logits, cpu.logits, unrounded);
  expect_close(values(gpu.state.view().ssm, gpu.state.place()), values(cpu.state.view().ssm, kHost), unrounded);
}

TEST_P(GpuModel, AnyChunkingIsTheSamePrefill) {
  const Result whole = prefill(*model_, ids_);
  for (const int64_t chunk : {1, 2, 3, 7, 8, 64, 101, 202}) {
    SCOPED_TRACE(chunk);
    expect_close_to(prefill(*model_, ids_, chunk), whole);
  }
}

TEST_P(GpuModel, StepsAreAPrefill) {
  const Result whole = prefill(*model_, ids_);
  Workspace workspace(*model_, 4);
  Result steps{Logits(v()), model_->new_state()};
  for (const int32_t id : ids_) model_->step(workspace, id, steps.state, steps.logits);
  expect_close_to(steps, whole);
  EXPECT_EQ(steps.state.tokens(), whole.state.tokens());
}

TEST_P(GpuModel, TwoRunsGiveTheSameBits) {
  expect_same_bits(prefill(*model_, ids_), prefill(*model_, ids_));
}

// Steps are recorded while other threads allocate, copy and launch.
TEST_P(GpuModel, ThreadsDoNotDisturbEachOther) {
  const auto run = [&] {
    Result result{Logits(v()), model_->new_state()};
    for (int round = 0; round < 4; ++round) {
      Workspace workspace(*model_, 8);
      for (const int32_t id : std::span(ids_).subspan(static_cast<size_t>(8 * round), 8)) {
        model_->step(workspace, id, result.state, result.logits);
        result.state = result.state.clone();
        model_->step(workspace, id, result.state, result.logits);
      }
    }
    return result;
  };
  const Result alone = run();
  std::vector<std::future<Result>> others;
  for (int i = 0; i < 3; ++i) others.push_back(std::async(std::launch::async, run));
  for (std::future<Result>& other : others) expect_same_bits(other.get(), alone);
}

// The sequence of slot 3 in recorded steps, at changing rows and beside changing neighbours, and again as the first of
// fewer sequences that fill up to as many rows.
TEST_P(GpuModel, NeighboursInAStepOfTheSameBucketChangeNothing) {
  constexpr int64_t kSlots = 128, kMine = 3;
  const int64_t v = model_->config().vocab_size;
  for (const int64_t b : {1, 2, 3, 5, 8, 13, 40, 100}) {
    SCOPED_TRACE(b);
    StatePool pool = model_->new_states(kSlots), other = model_->new_states(kSlots);
    const Result start = prefill(*model_, ids_);
    start.state.put(pool, kMine);
    start.state.put(other, kMine);
    Workspace workspace(*model_, kSlots), again(*model_, kSlots);
    const int64_t fewer = b <= 8 ? b : static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(b))) + 1;
    for (int64_t turn = 0; turn < 4; ++turn) {
      const auto id = static_cast<int32_t>(11 + turn);
      // Rows of the neighbours: slots from kMine + 1 on, in a ring.
      const auto batch = [&](int64_t count, int64_t mine, StatePool& states, Workspace& in) {
        std::vector<int32_t> ids;
        std::vector<int64_t> slots;
        for (int64_t row = 0; row < count; ++row) {
          ids.push_back(row == mine ? id : static_cast<int32_t>((turn * 5 + row * 7 + count) % 90));
          slots.push_back((kMine + (row - mine + count) % count) % kSlots);
        }
        Tensor logits(DType::f32, {count, v}, gpu_.place());
        model_->step(in, ids, slots, states.view(), logits.view());
        in.stream().wait();
        return values(std::as_const(logits).view().slice_rows(mine, 1), gpu_.place());
      };
      EXPECT_EQ(batch(b, turn % b, pool, workspace), batch(fewer, 0, other, again)) << "turn " << turn;
    }
    RecurrentState a = model_->new_state(), c = model_->new_state();
    a.take(pool, kMine);
    c.take(other, kMine);
    EXPECT_EQ(values(std::as_const(a).view().ssm, a.place()), values(std::as_const(c).view().ssm, c.place()));
  }
}

TEST_P(GpuModel, ARaggedBatchIsItsSequencesAlone) {
  const std::vector<int64_t> lengths{37, 1, 4, 120, 2};
  std::vector<int32_t> ids;
  std::vector<Segment> segments;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const auto part = random_ids(model_->config(), lengths[i], i);
    segments.push_back({static_cast<int64_t>(ids.size()), lengths[i], static_cast<int64_t>(lengths.size() - 1 - i)});
    ids.insert(ids.end(), part.begin(), part.end());
  }
  StatePool pool = model_->new_states(static_cast<int64_t>(lengths.size()));
  Workspace workspace(*model_);
  const ConstTensorView hidden = model_->forward(workspace, ids, segments, pool.view());
  for (size_t i = 0; i < lengths.size(); ++i) {
    SCOPED_TRACE(i);
    Tensor logits(DType::f32, {1, model_->config().vocab_size}, gpu_.place());
    model_->head(workspace, logits.view(), hidden.slice_rows(segments[i].begin + lengths[i] - 1, 1));
    workspace.stream().wait();
    Result row{values(std::as_const(logits).view(), gpu_.place()), model_->new_state()};
    row.state.take(pool, segments[i].slot);
    expect_close_to(row, prefill(*model_, random_ids(model_->config(), lengths[i], i)));
  }
}

TEST_P(GpuModel, StatesGoOnOnTheOtherSide) {
  const Result gpu = prefill(*model_, ids_), cpu = prefill(*on_cpu_, ids_);
  save_state(folder_.path() / "gpu", *model_, gpu.state, "note");
  save_state(folder_.path() / "cpu", *on_cpu_, cpu.state);
  SavedState from_gpu = load_state(folder_.path() / "gpu", *on_cpu_),
             from_cpu = load_state(folder_.path() / "cpu", *model_);
  EXPECT_EQ(from_gpu.note, "note");
  EXPECT_EQ(from_gpu.state.tokens(), 203);
  EXPECT_EQ(values(from_gpu.state.view().ssm, kHost), values(gpu.state.view().ssm, gpu_.place()));
  Workspace on_gpu(*model_, 4), on_host(*on_cpu_, 4);
  Result a{Logits(v()), std::move(from_gpu.state)}, b{Logits(v()), std::move(from_cpu.state)};
  on_cpu_->step(on_host, 5, a.state, a.logits);
  model_->step(on_gpu, 5, b.state, b.logits);
  expect_close_to(a, b);
}

TEST_P(GpuModel, ForksGoTheirOwnWay) {
  Workspace workspace(*model_);
  Session session(*model_, workspace);
  session.append(ids_);
  Session fork = session.fork();
  Sampler greedy({.temperature = 0.0}, model_->config().vocab_size), other({.seed = 5}, model_->config().vocab_size);
  std::vector<int32_t> a, b, c;
  for (int i = 0; i < 6; ++i) a.push_back(session.next(greedy));
  for (int i = 0; i < 6; ++i) b.push_back(fork.next(other));
  session.save(folder_.path() / "session");
  Session loaded = Session::load(folder_.path() / "session", *model_, workspace).session;
  for (int i = 0; i < 6; ++i) c.push_back(loaded.next(greedy));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(session.next(greedy), c[static_cast<size_t>(i)]);
  EXPECT_NE(a, b);
}

// Ids chosen on the GPU are those that the sampler draws from the same logits.
TEST_P(GpuModel, GroupsDrawAsSessionsDo) {
  Workspace workspace(*model_);
  const SamplingParams params{.temperature = 0.8, .top_k = 50, .top_p = 0.95, .min_p = 0.01, .seed = 9};
  Session prompt(*model_, workspace);
  prompt.append(ids_);
  SampleGroup group(prompt, 4, params);
  Sampler sampler(params, model_->config().vocab_size);
  for (int step = 0; step < 5; ++step)
    for (const SampleGroup::Draw& draw : group.step()) {
      const Logits logits(group.logits(draw.member).begin(), group.logits(draw.member).end());
      EXPECT_EQ(draw.id, sampler.sample(logits, TokenHistory(model_->config().vocab_size),
                                        static_cast<uint64_t>(draw.member), static_cast<uint64_t>(203 + step)));
    }
}

TEST_P(GpuModel, PenaltiesAreDrawnOnTheHost) {
  Workspace workspace(*model_);
  Session session(*model_, workspace);
  session.append(ids_);
  Sampler sampler({.repetition_penalty = 1.3, .temperature = 0.0}, model_->config().vocab_size);
  EXPECT_EQ(session.fork().next(sampler), sampler.sample(session.logits(), session.sequence().history, 0, 203));
}

TEST_P(GpuModel, ScoresDocumentsAsTheCpu) {
  const auto nats = [&](const FalconMamba& model) {
    Workspace workspace(model, 64);
    DocumentScorer scorer(model, workspace, 3);
    for (int64_t length : {5, 100, 30}) scorer.add(random_ids(model.config(), length, static_cast<uint64_t>(length)));
    return scorer.finish();
  };
  const std::vector<double> gpu = nats(*model_), cpu = nats(*on_cpu_);
  for (size_t i = 0; i < gpu.size(); ++i) EXPECT_NEAR(gpu[i], cpu[i], 2.0 * bound() * std::abs(cpu[i]));
}

TEST_P(GpuModel, RefusesWhatDoesNotFit) {
  Workspace workspace(*model_, 4);
  StatePool pool = model_->new_states(2);
  Tensor logits(DType::f32, {2, model_->config().vocab_size}, gpu_.place());
  const std::vector<int32_t> ids{1, 2}, outside{1, -1};
  const std::vector<int64_t> slots{0, 1}, same{1, 1}, beyond{0, 2};
  EXPECT_THROW(model_->step(workspace, outside, slots, pool.view(), logits.view()), Error);
  EXPECT_THROW(model_->step(workspace, ids, same, pool.view(), logits.view()), Error);
  EXPECT_THROW(model_->step(workspace, ids, beyond, pool.view(), logits.view()), Error);
  for (int i = 0; i < 4; ++i) model_->step(workspace, ids, slots, pool.view(), logits.view());
  EXPECT_THROW(model_->step(workspace, ids, same, pool.view(), logits.view()), Error);
  workspace.stream().wait();
}

const std::vector<std::pair<DType, Size>> kModels{
    {DType::f32, Size::tiny},  {DType::bf16, Size::tiny}, {DType::f16, Size::tiny}, {DType::f32, Size::wide},
    {DType::bf16, Size::wide}, {DType::f16, Size::wide},  {DType::q8, Size::wide},  {DType::q4, Size::wide},
    {DType::fp8, Size::wide},  {DType::bf16, Size::steps}};

INSTANTIATE_TEST_SUITE_P(Types, GpuModel, testing::ValuesIn(kModels), [](const auto& model) {
  const Size size = model.param.second;
  return std::string(name(model.param.first)) + (size == Size::tiny ? "" : size == Size::wide ? "_wide" : "_steps");
});

using GpuMemory = GpuTest;

TEST_F(GpuMemory, SaysWhatIsNeededBeforeItAllocates) {
  ModelConfig config = tiny_config();
  config.n_layer = 512;
  config.d_model = 16384;
  config.d_inner = 1 << 20;
  try {
    Weights weights;
    weights.config = config;
    FalconMamba model(weights, gpu_, DType::bf16);
    FAIL() << "a model of petabytes";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::out_of_memory) << error.what();
    EXPECT_NE(std::string_view(error.what()).find("free"), std::string_view::npos) << error.what();
  }
}

}  // namespace
}  // namespace saker
