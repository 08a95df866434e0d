#include "ops/choose_tokens/choose_tokens.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "ops/op_table.h"

namespace saker {
namespace {

class ChooseTokens : public testing::Test {
 protected:
  int32_t choose(const TokenChoice& choice) {
    int32_t id = -1;
    choose_tokens(stream_, {&id, 1}, {logits_.data(), DType::f32, {1, static_cast<int64_t>(logits_.size())}},
                  {&choice, 1});
    return id;
  }

  Stream stream_{open_backend(BackendKind::cpu, 1)};
  // Probabilities 0.1, 0.4, 0.3, 0.2.
  std::vector<float> logits_{std::log(1.0f), std::log(4.0f), std::log(3.0f), std::log(2.0f)};
};

TEST_F(ChooseTokens, DrawsByAscendingId) {
  EXPECT_EQ(choose({.drawn = 0.0}), 0);
  EXPECT_EQ(choose({.drawn = 0.11}), 1);
  EXPECT_EQ(choose({.drawn = 0.51}), 2);
  EXPECT_EQ(choose({.drawn = 0.999}), 3);
}

TEST_F(ChooseTokens, SettingsCutOff) {
  EXPECT_EQ(choose({.drawn = 0.0, .top_k = 2}), 1);
  EXPECT_EQ(choose({.drawn = 0.999, .top_k = 2}), 2);
  EXPECT_EQ(choose({.drawn = 0.0, .top_p = 0.8}), 1);
  EXPECT_EQ(choose({.drawn = 0.999, .top_p = 0.3}), 1);
  EXPECT_EQ(choose({.drawn = 0.0, .min_p = 0.6}), 1);
  EXPECT_EQ(choose({.drawn = 0.999, .min_p = 0.6}), 2);
  EXPECT_EQ(choose({.drawn = 0.999, .temperature = 0.0}), 1);
}

TEST_F(ChooseTokens, RefusesRowsThatAreNoDistribution) {
  logits_[2] = std::nanf("");
  EXPECT_THROW(choose({}), Error);
  logits_[2] = INFINITY;
  EXPECT_THROW(choose({}), Error);
  logits_.assign(4, -INFINITY);
  EXPECT_THROW(choose({}), Error);
}

TEST_F(ChooseTokens, RejectsWhatDoesNotFit) {
  EXPECT_THROW(choose({.drawn = 1.0}), Error);
  EXPECT_THROW(choose({.temperature = -1.0}), Error);
  EXPECT_THROW(choose({.top_p = 0.0}), Error);
  EXPECT_THROW(choose({.top_k = -1}), Error);
}

}  // namespace
}  // namespace saker
