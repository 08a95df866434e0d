#include "train/batch_ahead.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace saker {
namespace {

// Batches that say which stage they are of and how many there were before; the fourth cannot be had.
class CountingFeed : public DataFeed {
 public:
  const std::vector<std::string>& sources() const noexcept override { return names_; }
  std::string tokenizer_json() const override { return "tokenizer"; }
  void enter_stage(size_t stage) override { stage_ = static_cast<int32_t>(stage); }
  Batch next(int64_t rows) override {
    if (count_ == 3) throw std::runtime_error("no more");
    return {rows, 1, {stage_, count_++}, {}, {}};
  }
  nlohmann::json position() const override { return count_; }
  void restore(const nlohmann::json& position) override { count_ = position; }

 private:
  std::vector<std::string> names_{"all"};
  int32_t stage_ = -1, count_ = 0;
};

PlannedStep step_of(size_t stage, int64_t rows) {
  return {stage, 1, rows, 0, rows, 0.0};
}

using Ids = std::vector<int32_t>;

TEST(BatchAhead, GivesWhatTheFeedWouldAndPositionsBehindWhatWasTaken) {
  BatchAhead ahead(std::make_unique<CountingFeed>());
  EXPECT_EQ(ahead.position(), 0);
  EXPECT_EQ(ahead.take(step_of(0, 4)).ids, (Ids{0, 0}));
  EXPECT_EQ(ahead.position(), 1);
  ahead.draw(step_of(1, 7));
  EXPECT_EQ(ahead.position(), 1);
  const Batch drawn = ahead.take(step_of(1, 7));
  EXPECT_EQ(drawn.rows, 7);
  EXPECT_EQ(drawn.ids, (Ids{1, 1}));
  EXPECT_EQ(ahead.position(), 2);
  EXPECT_EQ(ahead.sources(), std::vector<std::string>{"all"});
  EXPECT_EQ(ahead.tokenizer_json(), "tokenizer");
}

TEST(BatchAhead, GoesOnFromAPosition) {
  BatchAhead ahead(std::make_unique<CountingFeed>());
  ahead.restore(2);
  EXPECT_EQ(ahead.position(), 2);
  EXPECT_EQ(ahead.take(step_of(0, 1)).ids, (Ids{0, 2}));
}

// Not while the step before computes.
TEST(BatchAhead, WhatGoesWrongIsThrownByWhoNeedsTheBatch) {
  BatchAhead ahead(std::make_unique<CountingFeed>());
  ahead.restore(3);
  ahead.draw(step_of(0, 1));
  EXPECT_EQ(ahead.position(), 3);
  EXPECT_THROW(ahead.take(step_of(0, 1)), std::runtime_error);
  BatchAhead undone(std::make_unique<CountingFeed>());
  undone.draw(step_of(0, 1));  // and nobody takes it
}

}  // namespace
}  // namespace saker
