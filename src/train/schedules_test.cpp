#include <gtest/gtest.h>

#include <cmath>

#include "train/batch_size_schedule.h"
#include "train/learning_rate_schedule.h"
#include "train/step_plan.h"

namespace saker {
namespace {

constexpr double kExact = 1e-15;

LearningRateSchedule schedule(DecayForm form) {
  return {
      .peak = 2.0, .warm_up_tokens = 100, .decay_begin = 1000, .decay_tokens = 200, .form = form, .final_ratio = 0.25};
}

TEST(LearningRateSchedule, WarmsUpStaysAndDecays) {
  for (const DecayForm form :
       {DecayForm::exponential, DecayForm::linear, DecayForm::one_minus_sqrt, DecayForm::cosine}) {
    const LearningRateSchedule rate = schedule(form);
    EXPECT_EQ(rate.at(0), 0.0);
    EXPECT_NEAR(rate.at(50), 1.0, kExact);
    EXPECT_EQ(rate.at(100), 2.0);
    EXPECT_EQ(rate.at(101), 2.0);
    EXPECT_EQ(rate.at(1000), 2.0);
    EXPECT_LT(rate.at(1001), 2.0);
    EXPECT_NEAR(rate.at(1200), 0.5, kExact);
    EXPECT_NEAR(rate.at(5000), 0.5, kExact);
    EXPECT_EQ(decay_form_from_name(name(form)), form);
  }
}

TEST(LearningRateSchedule, FormsOfTheDecayAtItsQuarter) {
  EXPECT_NEAR(schedule(DecayForm::exponential).at(1050), 2.0 * std::pow(0.25, 0.25), kExact);
  EXPECT_NEAR(schedule(DecayForm::linear).at(1050), 2.0 * (1.0 - 0.75 * 0.25), kExact);
  EXPECT_NEAR(schedule(DecayForm::one_minus_sqrt).at(1050), 2.0 * (1.0 - 0.75 * 0.5), kExact);
  EXPECT_NEAR(schedule(DecayForm::cosine).at(1050), 2.0 * (0.25 + 0.75 * 0.5 * (1.0 + std::sqrt(0.5))), kExact);
}

TEST(LearningRateSchedule, TheReportsFormula) {
  const double peak = 6.4e-4, least = peak / 256;
  const LearningRateSchedule rate{.peak = peak,
                                  .warm_up_tokens = 1'000'000'000,
                                  .decay_begin = 5'300'000'000'000,
                                  .decay_tokens = 500'000'000'000,
                                  .form = DecayForm::exponential,
                                  .final_ratio = 1.0 / 256};
  for (const double t : {1e9, 1e11, 4e11})
    EXPECT_NEAR(
        rate.at(rate.decay_begin + static_cast<int64_t>(t)) / (peak * std::exp(-t / 5e11 * std::log(peak / least))),
        1.0, 1e-12);
  EXPECT_NEAR(rate.at(5'800'000'000'000), 2.5e-6, 1e-18);
}

TEST(LearningRateSchedule, WithoutDecayItStays) {
  const LearningRateSchedule rate{.peak = 3.0};
  EXPECT_EQ(rate.at(1), 3.0);
  EXPECT_EQ(rate.at(int64_t{1} << 50), 3.0);
}

TEST(BatchSizeSchedule, RampsInSequences) {
  const BatchSizeSchedule batch{.from = 128, .to = 2048, .ramp_tokens = 50'000'000'000};
  EXPECT_EQ(batch.rows(0, 2048), 128);
  EXPECT_EQ(batch.rows(25'000'000'000, 2048), 1088);
  EXPECT_EQ(batch.rows(50'000'000'000, 2048), 2048);
  EXPECT_EQ(batch.rows(60'000'000'000, 8192), 2048);
  EXPECT_NEAR(6.4e-4 * batch.learning_rate_factor(0, 2048), 1.6e-4, kExact);
  EXPECT_EQ(batch.learning_rate_factor(50'000'000'000, 2048), 1.0);
}

TEST(BatchSizeSchedule, RampsInTokens) {
  const BatchSizeSchedule batch{.unit = BatchSizeSchedule::Unit::tokens,
                                .from = 4096,
                                .to = 16384,
                                .ramp_tokens = 1000,
                                .scale_learning_rate = false};
  EXPECT_EQ(batch.rows(0, 1024), 4);
  EXPECT_EQ(batch.rows(1000, 1024), 16);
  EXPECT_EQ(batch.rows(1000, 4096), 4);
  EXPECT_EQ(batch.rows(1000, 1 << 20), 1);
  EXPECT_EQ(batch.learning_rate_factor(0, 1024), 1.0);
}

StepPlan plan() {
  // 100 tokens are 13 rows of 8, then 2 rows of 16, then the decay: 64 tokens, 4 rows.
  return StepPlan({{100, 8}, {32, 16}, {60, 16}}, /*decays=*/true,
                  {.peak = 1.0, .warm_up_tokens = 80, .form = DecayForm::linear, .final_ratio = 0.5},
                  {.from = 2, .to = 4, .ramp_tokens = 64});
}

TEST(StepPlan, StepsFillStagesWithoutCrossingBorders) {
  const StepPlan steps = plan();
  EXPECT_EQ(steps.tokens(), 104 + 32 + 64);
  EXPECT_EQ(steps.decay_begin(), 136);
  std::vector<int64_t> rows, stages;
  int64_t tokens = 0;
  while (const auto step = steps.at(tokens)) {
    EXPECT_EQ(step->tokens_before, tokens);
    EXPECT_EQ(step->tokens(), step->rows * step->context);
    EXPECT_LE(step->tokens_after, steps.stage_end(step->stage));
    rows.push_back(step->rows);
    stages.push_back(static_cast<int64_t>(step->stage));
    tokens = step->tokens_after;
  }
  EXPECT_EQ(tokens, steps.tokens());
  EXPECT_EQ(rows, (std::vector<int64_t>{2, 3, 3, 4, 1, 2, 4}));
  EXPECT_EQ(stages, (std::vector<int64_t>{0, 0, 0, 0, 0, 1, 2}));
}

TEST(StepPlan, RatesAreThoseOfTheTokensAfterTheStep) {
  const StepPlan steps = plan();
  EXPECT_NEAR(steps.at(0)->learning_rate, 16.0 / 80 * std::sqrt(0.5), kExact);
  EXPECT_EQ(steps.at(104)->learning_rate, 1.0);  // a shortened step has the rate of a full one
  EXPECT_NEAR(steps.at(136)->learning_rate, 0.5, kExact);
  EXPECT_FALSE(steps.at(200).has_value());
}

TEST(StepPlan, DueWhenAMultipleIsPassed) {
  const PlannedStep step{0, 8, 2, 32, 48, 1.0};
  EXPECT_FALSE(is_due(0, step));
  EXPECT_TRUE(is_due(48, step));
  EXPECT_TRUE(is_due(40, step));
  EXPECT_FALSE(is_due(32, step));
  EXPECT_FALSE(is_due(50, step));
}

}  // namespace
}  // namespace saker
