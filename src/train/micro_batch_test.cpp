#include "train/micro_batch.h"

#include <gtest/gtest.h>

#include "model/tiny_model.h"
#include "ops/op_table.h"

namespace saker {
namespace {

// Three rows of 8: documents of 5 and 3 + 4, 4, and one that goes on.
Batch batch() {
  Batch made{3, 8, std::vector<int32_t>(24), std::vector<int32_t>(24), {}};
  made.pieces = {{0, 5, 0, 0, 0, true, false},
                 {5, 3, 0, 0, 1, false, true},
                 {8, 4, 1, 0, 1, false, false},
                 {12, 4, 1, 0, 2, false, false},
                 {16, 8, 2, 0, 3, true, true}};
  return made;
}

std::vector<std::array<int64_t, 3>> segments_of(const MicroBatch& micro) {
  std::vector<std::array<int64_t, 3>> out;
  for (const Segment& segment : micro.segments) out.push_back({segment.begin, segment.length, segment.slot});
  return out;
}

using Expected = std::vector<std::array<int64_t, 3>>;

TEST(MicroBatches, TakeWholeRowsInOrder) {
  const auto micro = micro_batches(batch(), 17, StateAtBorders::reset);
  ASSERT_EQ(micro.size(), 2u);
  EXPECT_EQ(micro[0].begin, 0);
  EXPECT_EQ(micro[0].length, 16);
  EXPECT_EQ(segments_of(micro[0]), (Expected{{0, 5, -1}, {5, 3, -1}, {8, 4, -1}, {12, 4, -1}}));
  EXPECT_EQ(micro[1].begin, 16);
  EXPECT_EQ(segments_of(micro[1]), (Expected{{0, 8, -1}}));
  EXPECT_EQ(micro_batches(batch(), 3, StateAtBorders::reset).size(), 3u);  // a row is never cut
}

TEST(MicroBatches, ARowIsOneSequenceWhereStatesAreKept) {
  const auto micro = micro_batches(batch(), 16, StateAtBorders::kept);
  EXPECT_EQ(segments_of(micro[0]), (Expected{{0, 8, -1}, {8, 8, -1}}));
}

TEST(MicroBatches, CarriedDocumentsHaveTheSlotsOfTheirRows) {
  const auto micro = micro_batches(batch(), 8, StateAtBorders::carried, /*lanes=*/4);
  EXPECT_EQ(segments_of(micro[0]), (Expected{{0, 5, 0}, {5, 3, 4}}));
  EXPECT_EQ(segments_of(micro[1]), (Expected{{0, 4, -1}, {4, 4, -1}}));
  EXPECT_EQ(segments_of(micro[2]), (Expected{{0, 8, 2}}));
}

TEST(Lanes, HandUnfinishedDocumentsToTheNextBatch) {
  Lanes lanes(tiny_config(), 4, DType::f32);
  const TensorView ssm = lanes.pool().view().ssm;  // [p, s, n, e]
  const auto first = [&](int64_t slot) -> float& { return ssm.index(0).index(slot).as<float>()[0]; };
  for (int64_t slot = 0; slot < 8; ++slot) first(slot) = static_cast<float>(slot + 1);
  Stream stream(open_backend(BackendKind::cpu, 1));
  lanes.begin(stream);
  EXPECT_EQ(first(0), 1.0f);
  EXPECT_EQ(first(4), 0.0f);
  first(4) = 50.0f;
  lanes.settle(stream, batch());
  EXPECT_EQ(first(0), 50.0f);  // the document that began in row 0
  EXPECT_EQ(first(1), 2.0f);
  EXPECT_EQ(first(2), 3.0f);  // goes on in its own slot
}

}  // namespace
}  // namespace saker
