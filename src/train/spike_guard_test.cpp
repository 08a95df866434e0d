#include "train/spike_guard.h"

#include <gtest/gtest.h>

#include <cmath>

namespace saker {
namespace {

using Kind = Verdict::Kind;

SpikeGuard filled() {
  SpikeGuard guard({.window = 4, .z_score = 3.0, .skip = true, .max_in_a_row = 2});
  for (const double loss : {1.0, 1.2, 0.8, 1.0}) EXPECT_EQ(guard.judge(loss, 2.0 * loss).kind, Kind::normal);
  return guard;
}

TEST(SpikeGuard, FindsWhatIsFarAboveTheWindow) {
  SpikeGuard guard = filled();
  const Verdict verdict = guard.judge(1.5, 2.0);
  EXPECT_EQ(verdict.kind, Kind::spike);
  EXPECT_NEAR(verdict.loss_z, 0.5 / std::sqrt(0.02), 1e-12);
  EXPECT_EQ(guard.judge(1.0, 4.0).kind, Kind::spike);
  EXPECT_EQ(guard.judge(1.1, 2.0).kind, Kind::normal);
  EXPECT_EQ(guard.judge(0.1, 0.1).kind, Kind::normal);  // below is no harm
}

TEST(SpikeGuard, KnowsNothingBeforeTheWindowIsFull) {
  SpikeGuard guard({.window = 4, .z_score = 3.0, .skip = true, .max_in_a_row = 2});
  for (const double loss : {1.0, 50.0, 0.1, 900.0}) EXPECT_EQ(guard.judge(loss, 1.0).kind, Kind::normal);
}

TEST(SpikeGuard, WhatIsNoNumberIsNeverNormal) {
  SpikeGuard guard({.window = 4, .z_score = 0.0, .skip = true, .max_in_a_row = 2});
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(guard.judge(NAN, 1.0).kind, Kind::not_finite);
    EXPECT_EQ(guard.state().bad_in_a_row, i);
  }
  EXPECT_EQ(guard.judge(1.0, INFINITY).kind, Kind::not_finite);
  EXPECT_EQ(guard.judge(1.0, 1.0).kind, Kind::normal);
  EXPECT_EQ(guard.state().bad_in_a_row, 0);
}

TEST(SpikeGuard, ManySpikesInARowAreANewLevel) {
  SpikeGuard guard = filled();
  EXPECT_EQ(guard.judge(9.0, 2.0).kind, Kind::spike);
  EXPECT_EQ(guard.judge(9.0, 2.0).kind, Kind::spike);
  EXPECT_EQ(guard.judge(9.0, 2.0).kind, Kind::normal);
  EXPECT_EQ(guard.state().losses.size(), 1u);
}

TEST(SpikeGuard, ContinuesFromItsState) {
  SpikeGuard guard = filled(), other({.window = 4, .z_score = 3.0, .skip = true, .max_in_a_row = 2});
  other.restore(guard.state());
  EXPECT_EQ(guard.judge(1.3, 2.0).loss_z, other.judge(1.3, 2.0).loss_z);
}

}  // namespace
}  // namespace saker
