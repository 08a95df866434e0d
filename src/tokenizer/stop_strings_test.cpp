#include "tokenizer/stop_strings.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace saker {
namespace {

// The text that is shown when `text` comes in pieces of `size` bytes.
std::string shown(const std::vector<std::string>& strings, std::string_view text, size_t size) {
  StopStrings stops(strings);
  std::string out;
  for (size_t i = 0; i < text.size() && !stops.found(); i += size) out += stops.push(text.substr(i, size));
  return stops.found() ? out : out + stops.flush();
}

void expect_shown(const std::vector<std::string>& strings, std::string_view text, const std::string& expected) {
  for (size_t size = 1; size <= text.size(); ++size) EXPECT_EQ(shown(strings, text, size), expected) << size;
}

TEST(StopStrings, CutsBeforeTheStop) {
  expect_shown({"###"}, "answer ## no ### tail", "answer ## no ");
  expect_shown({"\nUser:"}, "one\n\nUser: two", "one\n");
  expect_shown({"aab"}, "aaaab", "aa");
  expect_shown({"stop"}, "nothing of it: sto", "nothing of it: sto");
  expect_shown({}, "all of it", "all of it");
}

TEST(StopStrings, TheFirstToBeCompleteWins) {
  expect_shown({"abcd", "c"}, "xabcd", "xab");
  expect_shown({"b", "ab"}, "xab", "x");
  expect_shown({"world", "hello"}, "say hello world", "say ");
}

TEST(StopStrings, HoldsBackOnlyWhatMayBeAStop) {
  StopStrings stops({"END", "EXIT"});
  EXPECT_EQ(stops.push("go E"), "go ");
  EXPECT_EQ(stops.push("X"), "");
  EXPECT_EQ(stops.push("E"), "EX");
  EXPECT_EQ(stops.push("ND more"), "");
  EXPECT_TRUE(stops.found());
  EXPECT_EQ(stops.push("more"), "");
  EXPECT_EQ(stops.flush(), "");
  EXPECT_FALSE(stops.found());
}

TEST(StopStrings, RefusesAnEmptyString) {
  EXPECT_THROW(StopStrings({"a", ""}), Error);
}

}  // namespace
}  // namespace saker
