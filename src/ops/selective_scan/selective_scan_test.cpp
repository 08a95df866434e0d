#include "ops/selective_scan/selective_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"
#include "ops/selective_scan/selective_scan_cases.h"

namespace saker {
namespace {

TEST(SelectiveScan, AgreesWithTheReference) {
  test_op_cases(selective_scan_cases());
}

struct ScanInputs {
  static constexpr int64_t l = 23, e = 37, n = 16;
  CaseTensor u{DType::bf16, {l, e}, 1}, delta{DType::f32, {l, e}, 2}, z{DType::f32, {l, e}, 3};
  CaseTensor B{DType::f32, {l, n}, 4}, C{DType::f32, {l, n}, 5}, A{DType::f32, {n, e}, 6, -2.0, 0.3};
  CaseTensor D{DType::f32, {e}, 7}, delta_bias{DType::f32, {e}, 8};

  // Tokens [begin, begin + count) into y, from and to `state`.
  void run(Stream& stream, TensorView y, TensorView state, int64_t begin, int64_t count, TensorView chunk_states = {}) {
    const Segment part{0, count, 0};
    selective_scan(stream, {.y = y.slice_rows(begin, count),
                            .state = state,
                            .chunk_states = chunk_states,
                            .u = u.view().slice_rows(begin, count),
                            .delta = delta.view().slice_rows(begin, count),
                            .delta_bias = delta_bias.view(),
                            .A = A.view(),
                            .B = B.view().slice_rows(begin, count),
                            .C = C.view().slice_rows(begin, count),
                            .D = D.view(),
                            .z = z.view().slice_rows(begin, count),
                            .segments = {&part, 1}});
  }
};

// However a sequence is cut into segments, outputs and state are the same bits.
TEST(SelectiveScan, CuttingChangesNothing) {
  Stream stream(open_backend(BackendKind::cpu, 2));
  ScanInputs in;
  CaseTensor whole(DType::bf16, {in.l, in.e}, 9), whole_state(DType::f32, {1, in.n, in.e}, 10);
  in.run(stream, whole.view(), whole_state.view(), 0, in.l);
  for (int64_t cut : {1, 2, 5, 11, 22}) {
    CaseTensor y(DType::bf16, {in.l, in.e}, 11), state(DType::f32, {1, in.n, in.e}, 10);
    for (int64_t begin = 0; begin < in.l; begin += cut)
      in.run(stream, y.view(), state.view(), begin, std::min(cut, in.l - begin));
    EXPECT_EQ(std::memcmp(y.view().data, whole.view().data, in.l * in.e * sizeof(BFloat16)), 0) << cut;
    EXPECT_EQ(std::memcmp(state.view().data, whole_state.view().data, in.n * in.e * sizeof(float)), 0) << cut;
  }
}

TEST(SelectiveScan, WritesOverItsInput) {
  Stream stream(open_backend(BackendKind::cpu, 2));
  ScanInputs in;
  CaseTensor y(DType::bf16, {in.l, in.e}, 9), state(DType::f32, {1, in.n, in.e}, 10),
      again(DType::f32, {1, in.n, in.e}, 10);
  in.run(stream, y.view(), state.view(), 0, in.l);
  in.run(stream, in.u.view(), again.view(), 0, in.l);
  EXPECT_EQ(std::memcmp(y.view().data, in.u.view().data, in.l * in.e * sizeof(BFloat16)), 0);
}

// The states before 8 tokens are those that the first 8 tokens leave.
TEST(SelectiveScan, KeepsTheStatesBeforeChunks) {
  Stream stream(open_backend(BackendKind::reference, 1));
  ScanInputs in;
  const int64_t states = in.n * in.e;
  CaseTensor y(DType::bf16, {in.l, in.e}, 9), state(DType::f32, {1, in.n, in.e}, 10);
  CaseTensor kept(DType::f32, {in.l / kScanChunk + 1, in.n, in.e}, 12), cut(DType::f32, {1, in.n, in.e}, 10);
  in.run(stream, y.view(), state.view(), 0, in.l, kept.view());
  for (int64_t chunk = 0; chunk * kScanChunk < in.l; ++chunk) {
    const float* got = kept.view().as<float>() + chunk * states;
    const float* wanted = cut.view().as<float>();
    for (int64_t i = 0; i < states; ++i) ASSERT_NEAR(got[i], wanted[i], 1e-5f) << "chunk " << chunk;
    in.run(stream, y.view(), cut.view(), chunk * kScanChunk, std::min<int64_t>(kScanChunk, in.l - chunk * kScanChunk));
  }
  EXPECT_TRUE(kept.guards_intact());
}

TEST(SelectiveScan, RejectsWhatDoesNotFit) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  ScanInputs in;
  CaseTensor y(DType::f32, {in.l, in.e}, 9), state(DType::f32, {1, in.n, in.e}, 10),
      small(DType::f32, {1, in.n, 36}, 11), chunks(DType::f32, {in.l / kScanChunk, in.n, in.e}, 12);
  EXPECT_THROW(in.run(stream, y.view(), state.view(), 0, in.l), Error) << "y of another type than u";
  EXPECT_THROW(in.run(stream, in.u.view(), small.view(), 0, in.l), Error) << "a state of other channels";
  CaseTensor wide(DType::bf16, {in.l, in.e}, 13);
  EXPECT_THROW(in.run(stream, wide.view(), state.view(), 0, in.l, chunks.view()), Error) << "a row of chunks too few";
}

}  // namespace
}  // namespace saker
