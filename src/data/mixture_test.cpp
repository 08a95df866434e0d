#include "data/mixture.h"

#include <gtest/gtest.h>

#include <limits>

#include "data/test_dataset.h"

namespace saker {
namespace {

// Tokens with their separators: web 1000, of which 300 in long documents; code 500; empty none.
class MixtureTest : public testing::Test {
 protected:
  MixtureTest() {
    write_test_dataset(
        folder_, {{"web", {99, 99, 99, 99, 99, 99, 99, 149, 149}}, {"code", {99, 99, 99, 99, 99}}, {"empty", {}}});
  }

  StagePlan plan(const std::vector<MixtureShare>& shares, int64_t tokens) const {
    return MixturePlanner(dataset()).plan({shares, 100}, tokens);
  }
  std::string error(const std::vector<MixtureShare>& shares, int64_t tokens = 100) const {
    return error_of([&] { plan(shares, tokens); });
  }
  const TokenDataset& dataset() const {
    if (!dataset_) dataset_ = std::make_unique<TokenDataset>(folder_.path());
    return *dataset_;
  }

  const TemporaryFolder folder_;
  mutable std::unique_ptr<TokenDataset> dataset_;
};

TEST_F(MixtureTest, TokensAndEpochs) {
  const StagePlan stage = plan({{"web", 3.0, 0.0, -1.0}, {"code", 1.0, 0.0, -1.0}}, 4000);
  ASSERT_EQ(stage.sources.size(), 2u);
  const auto& [short_part, long_part] = stage.sources[0].parts;
  EXPECT_EQ(short_part.tokens, 2100);
  EXPECT_EQ(long_part.tokens, 900);
  EXPECT_EQ(long_part.epoch_tokens, 300);
  EXPECT_DOUBLE_EQ(long_part.epochs, 3.0);
  EXPECT_EQ(stage.sources[1].parts[kShort].tokens, 1000);
  EXPECT_DOUBLE_EQ(stage.sources[1].parts[kShort].epochs, 2.0);
  EXPECT_EQ(stage.sources[1].parts[kLong].tokens, 0);
}

TEST_F(MixtureTest, TokensAddUp) {
  for (int64_t tokens : {1, 2, 3, 7, 999, 1000001}) {
    int64_t sum = 0;
    for (const SourcePlan& source : plan({{"web", 1.0, 0.0, 0.3}, {"code", 0.7, 0.0, -1.0}}, tokens).sources)
      for (const PartPlan& part : source.parts) sum += part.tokens;
    EXPECT_EQ(sum, tokens);
  }
}

TEST_F(MixtureTest, LongShare) {
  const StagePlan stage = plan({{"web", 1.0, 0.0, 0.6}}, 1000);
  EXPECT_EQ(stage.sources[0].parts[kLong].tokens, 600);
  EXPECT_EQ(stage.sources[0].parts[kShort].tokens, 400);
}

TEST_F(MixtureTest, CapsCountAllStages) {
  EXPECT_EQ(error({{"code", 1.0, 2.0, -1.0}}, 1000), "");
  EXPECT_EQ(error({{"web", 1.0, 1.0, -1.0}}, 1000), "");
  EXPECT_NE(error({{"code", 1.0, 2.0, -1.0}}, 1200).find("at most 2 epochs, found 2.400"), std::string::npos);
  EXPECT_NE(error({{"code", 1.0, 2.0, -1.0}}, 1200).find("200 tokens are missing"), std::string::npos);
  EXPECT_NE(error({{"web", 1.0, 1.0, 0.5}}, 1000).find("200 tokens of long documents are missing"), std::string::npos);
  MixturePlanner planner(dataset());
  EXPECT_DOUBLE_EQ(planner.plan({{{"code", 1.0, 2.0, -1.0}}, 100}, 600).sources[0].parts[kShort].epochs_by_then, 1.2);
  EXPECT_NE(error_of([&] {
              planner.plan({{{"code", 1.0, 2.0, -1.0}}, 100}, 600);
            }).find("200 tokens are missing"),
            std::string::npos);
}

TEST_F(MixtureTest, WhatCannotBe) {
  EXPECT_NE(error({}).find("add up to more than 0"), std::string::npos);
  EXPECT_NE(error({{"web", 0.0, 0.0, -1.0}}).find("add up to more than 0"), std::string::npos);
  EXPECT_NE(error({{"web", -1.0, 0.0, -1.0}}).find("expected a weight"), std::string::npos);
  EXPECT_NE(error({{"web", std::numeric_limits<double>::infinity(), 0.0, -1.0}}).find("a weight"), std::string::npos);
  EXPECT_NE(error({{"web", 1.0, -2.0, -1.0}}).find("expected max_epochs"), std::string::npos);
  EXPECT_NE(error({{"web", 1.0, 0.0, 1.5}}).find("expected long_share"), std::string::npos);
  EXPECT_NE(error({{"books", 1.0, 0.0, -1.0}}).find("found \"books\""), std::string::npos);
  EXPECT_NE(error({{"empty", 1.0, 0.0, -1.0}}).find("found an empty source"), std::string::npos);
  EXPECT_NE(error({{"web", 1.0, 0.0, -1.0}, {"web", 1.0, 0.0, -1.0}}).find("twice"), std::string::npos);
  EXPECT_NE(error({{"code", 1.0, 0.0, 0.1}}).find("more than 100 tokens"), std::string::npos);
  EXPECT_EQ(error({{"code", 1.0, 0.0, 0.0}}), "");
}

}  // namespace
}  // namespace saker
