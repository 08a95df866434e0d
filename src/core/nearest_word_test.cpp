#include "core/nearest_word.h"

#include <gtest/gtest.h>

namespace saker {
namespace {

TEST(NearestWord, FindsWhatWasMeantAndNothingElse) {
  const std::vector<std::string> known{"tokens", "context", "mixture"};
  EXPECT_EQ(nearest_word(known, "token"), "tokens");
  EXPECT_EQ(nearest_word(known, "mixtrue"), "mixture");
  EXPECT_EQ(nearest_word(known, "context"), "context");
  EXPECT_EQ(nearest_word(known, "learning_rate"), "");
  EXPECT_EQ(suggestion(known, "contxt"), " (did you mean \"context\"?)");
  EXPECT_EQ(suggestion({}, "contxt"), "");
}

}  // namespace
}  // namespace saker
