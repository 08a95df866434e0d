#include "ops/causal_conv1d/causal_conv1d.h"

#include <gtest/gtest.h>

#include <cstring>

#include "core/error.h"
#include "ops/causal_conv1d/causal_conv1d_cases.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {
namespace {

TEST(CausalConv1d, AgreesWithTheReference) {
  test_op_cases(causal_conv1d_cases());
}

// However a sequence is cut into segments, outputs and window are the same bits.
TEST(CausalConv1d, CuttingChangesNothing) {
  constexpr int64_t l = 23, e = 37, k = 4;
  Stream stream(open_backend(BackendKind::cpu, 2));
  CaseTensor x(DType::f32, {l, e}, 1), weight(DType::f32, {k, e}, 2), bias(DType::f32, {e}, 3);
  CaseTensor whole(DType::f32, {l, e}, 4), whole_state(DType::f32, {1, k - 1, e}, 5);
  const Segment all{0, l, 0};
  causal_conv1d(stream, whole.view(), whole_state.view(), x.view(), weight.view(), bias.view(), {&all, 1});
  for (int64_t cut : {1, 2, 3, 4, 5, 11, 22}) {
    CaseTensor u(DType::f32, {l, e}, 6), state(DType::f32, {1, k - 1, e}, 5);
    for (int64_t begin = 0; begin < l; begin += cut) {
      const int64_t count = std::min(cut, l - begin);
      const Segment part{0, count, 0};
      causal_conv1d(stream, u.view().slice_rows(begin, count), state.view(), x.view().slice_rows(begin, count),
                    weight.view(), bias.view(), {&part, 1});
    }
    EXPECT_EQ(std::memcmp(u.view().data, whole.view().data, l * e * sizeof(float)), 0) << cut;
    EXPECT_EQ(std::memcmp(state.view().data, whole_state.view().data, (k - 1) * e * sizeof(float)), 0) << cut;
  }
}

TEST(CausalConv1d, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  CaseTensor x(DType::f32, {4, 8}, 1), u(DType::f32, {4, 8}, 2), weight(DType::f32, {4, 8}, 3),
      state(DType::f32, {2, 3, 8}, 4);
  const auto run = [&](std::vector<Segment> segments) {
    causal_conv1d(stream, u.view(), state.view(), x.view(), weight.view(), {}, segments);
  };
  EXPECT_NO_THROW(run({{0, 2, 1}, {2, 2, 0}}));
  EXPECT_THROW(run({{0, 5, 0}}), Error) << "beyond the rows";
  EXPECT_THROW(run({{0, 2, 2}}), Error) << "no such slot";
  EXPECT_THROW(run({{0, 2, 0}, {1, 2, 1}}), Error) << "overlap";
  EXPECT_THROW(run({{0, 2, 0}, {2, 2, 0}}), Error) << "a shared slot";
  EXPECT_THROW(run({{0, -1, 0}}), Error) << "negative length";
}

}  // namespace
}  // namespace saker
