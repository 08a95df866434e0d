#include "infer/log_probabilities.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ops/op_table.h"

namespace saker {
namespace {

TEST(LogProbabilities, KnownValues) {
  Stream stream(open_backend(BackendKind::cpu, 1));
  const std::vector<float> logits = {std::log(0.2f), std::log(0.5f), std::log(0.1f), std::log(0.2f)};
  const LogProbabilities of(stream, logits);
  EXPECT_NEAR(of.of(1), std::log(0.5), 1e-6);
  const auto top = of.top(3);
  ASSERT_EQ(top.size(), 3u);
  EXPECT_EQ(top[0].id, 1);
  EXPECT_EQ(top[1].id, 0);
  EXPECT_EQ(top[2].id, 3);
  EXPECT_NEAR(top[2].log_probability, std::log(0.2), 1e-6);
  EXPECT_EQ(of.top(9).size(), 4u);
}

}  // namespace
}  // namespace saker
