// What must hold of a recurrent model without any reference: docs/numerics.md says what is bitwise.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "model/tiny_model.h"

namespace saker {
namespace {

using Logits = std::vector<float>;

struct Result {
  Logits logits;
  RecurrentState state;
};

Result prefill(const FalconMamba& model, std::span<const int32_t> ids, int64_t chunk = Workspace::kDefaultRows) {
  Workspace workspace(model, chunk);
  Result result{Logits(static_cast<size_t>(model.config().vocab_size)), model.new_state()};
  model.prefill(workspace, ids, result.state, result.logits);
  return result;
}

std::vector<float> values(const ConstTensorView& view) {
  const float* first = view.as<float>();
  return {first, first + view.shape.elements()};
}

void expect_same_bits(const Result& a, const Result& b) {
  EXPECT_EQ(std::memcmp(a.logits.data(), b.logits.data(), a.logits.size() * sizeof(float)), 0);
  EXPECT_EQ(values(a.state.view().ssm), values(b.state.view().ssm));
  EXPECT_EQ(values(a.state.view().conv), values(b.state.view().conv));
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

void expect_close(const Result& a, const Result& b, double bound) {
  expect_close(a.logits, b.logits, bound);
  expect_close(values(a.state.view().ssm), values(b.state.view().ssm), bound);
  expect_close(values(a.state.view().conv), values(b.state.view().conv), bound);
}

class Invariant : public testing::TestWithParam<DType> {
 protected:
  double bound() const { return GetParam() == DType::f32 ? 1e-5 : 2.0 * epsilon(GetParam()) * std::sqrt(13.0); }
  FalconMamba model_ = tiny_model(GetParam());
  std::vector<int32_t> ids_ = random_ids(model_.config(), 203, 1);
};

TEST_P(Invariant, AnyChunkingIsTheSamePrefill) {
  const Result whole = prefill(model_, ids_);
  for (int64_t chunk : {1, 2, 3, 4, 7, 8, 9, 50, 101, 202}) {
    SCOPED_TRACE(chunk);
    expect_close(prefill(model_, ids_, chunk), whole, bound());
  }
}

TEST_P(Invariant, ChunksOfAtMostEightAreBitwiseTokenByToken) {
  const Result one = prefill(model_, ids_, 1);
  for (int64_t chunk : {2, 3, 5, 8}) {
    SCOPED_TRACE(chunk);
    expect_same_bits(prefill(model_, ids_, chunk), one);
  }
}

TEST_P(Invariant, ThreadsChangeNothing) {
  const Result two = prefill(model_, ids_);
  for (int threads : {1, 3, 4}) {
    SCOPED_TRACE(threads);
    expect_same_bits(prefill(tiny_model(GetParam(), threads), ids_), two);
  }
}

TEST_P(Invariant, NeighboursInADecodeStepChangeNothing) {
  const int64_t v = model_.config().vocab_size;
  Result alone = prefill(model_, ids_);
  for (int64_t batch : {2, 5, 8}) {
    StatePool pool(model_.config(), batch);
    std::vector<int32_t> ids;
    std::vector<int64_t> slots;
    for (int64_t slot = 0; slot < batch; ++slot) {
      prefill(model_, random_ids(model_.config(), 20 + slot, 50 + static_cast<uint64_t>(slot))).state.put(pool, slot);
      ids.push_back(static_cast<int32_t>(slot + 3));
      slots.push_back(batch - 1 - slot);
    }
    const int64_t mine = batch / 2;
    alone.state.put(pool, slots[static_cast<size_t>(mine)]);

    Workspace workspace(model_, batch);
    Tensor logits(DType::f32, {batch, v});
    model_.step(workspace, ids, slots, pool.view(), logits.view());
    RecurrentState expected_state = alone.state.clone(), state = alone.state.clone();
    Logits expected(static_cast<size_t>(v));
    model_.step(workspace, ids[static_cast<size_t>(mine)], expected_state, expected);
    state.take(pool, slots[static_cast<size_t>(mine)]);
    EXPECT_EQ(std::memcmp(logits.view().index(mine).data, expected.data(), expected.size() * sizeof(float)), 0);
    EXPECT_EQ(values(std::as_const(state).view().ssm), values(std::as_const(expected_state).view().ssm));
  }
}

TEST_P(Invariant, ARaggedBatchIsItsSequencesAlone) {
  const std::vector<int64_t> lengths{37, 1, 4, 120, 2};
  std::vector<int32_t> ids;
  std::vector<Segment> segments;
  for (size_t i = 0; i < lengths.size(); ++i) {
    const auto part = random_ids(model_.config(), lengths[i], i);
    segments.push_back({static_cast<int64_t>(ids.size()), lengths[i], static_cast<int64_t>(lengths.size() - 1 - i)});
    ids.insert(ids.end(), part.begin(), part.end());
  }
  StatePool pool(model_.config(), static_cast<int64_t>(lengths.size()));
  Workspace workspace(model_);
  const ConstTensorView hidden = model_.forward(workspace, ids, segments, pool.view());
  for (size_t i = 0; i < lengths.size(); ++i) {
    SCOPED_TRACE(i);
    Result row{Logits(static_cast<size_t>(model_.config().vocab_size)), model_.new_state()};
    model_.head(workspace, {row.logits.data(), DType::f32, {1, model_.config().vocab_size}},
                hidden.slice_rows(segments[i].begin + lengths[i] - 1, 1));
    row.state.take(pool, segments[i].slot);
    expect_close(row, prefill(model_, random_ids(model_.config(), lengths[i], i)), bound());
  }
}

TEST_P(Invariant, ACloneForksIndependently) {
  Result result = prefill(model_, ids_);
  Workspace workspace(model_, 1);
  RecurrentState fork = result.state.clone();
  Logits a(result.logits.size()), b(result.logits.size()), again(result.logits.size());
  model_.step(workspace, 5, fork, a);
  model_.step(workspace, 6, fork, b);
  EXPECT_NE(a, b);
  model_.step(workspace, 5, result.state, again);
  EXPECT_EQ(a, again) << "the original moved with its clone";
  EXPECT_EQ(fork.tokens(), 205);
  EXPECT_EQ(result.state.tokens(), 204);
}

TEST_P(Invariant, ResetIsFresh) {
  Result result = prefill(model_, ids_);
  result.state.reset();
  Workspace workspace(model_);
  model_.prefill(workspace, ids_, result.state, result.logits);
  expect_same_bits(result, prefill(model_, ids_));
}

INSTANTIATE_TEST_SUITE_P(Types, Invariant, testing::Values(DType::f32, DType::bf16, DType::f16),
                         [](const auto& type) { return std::string(name(type.param)); });

TEST(Model, RejectsWhatItCannotCompute) {
  const FalconMamba model = tiny_model();
  Workspace workspace(model, 4);
  RecurrentState state = model.new_state();
  Logits logits(static_cast<size_t>(model.config().vocab_size));
  const std::vector<int32_t> none, outside{3, 97}, negative{-1};
  EXPECT_THROW(model.prefill(workspace, none, state, logits), Error);
  EXPECT_THROW(model.prefill(workspace, outside, state, logits), Error);
  EXPECT_THROW(model.step(workspace, -1, state, logits), Error);
  EXPECT_EQ(state.tokens(), 0);
  const std::vector<int32_t> five(5, 1);
  StatePool pool(model.config(), 2);
  const Segment too_long[] = {{0, 6, 0}}, shared[] = {{0, 1, 1}, {1, 1, 1}};
  EXPECT_THROW(model.forward(workspace, five, too_long, pool.view()), Error);
  EXPECT_THROW(model.forward(workspace, std::span(five).first(2), shared, pool.view()), Error);
}

}  // namespace
}  // namespace saker
