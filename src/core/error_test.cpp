#include "core/error.h"

#include <gtest/gtest.h>

namespace saker {
namespace {

TEST(Error, CarriesCodeMessageAndPlace) {
  try {
    fail(ErrorCode::corrupt_data, "[test] expected {}, found {}", 3, 4);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::corrupt_data);
    EXPECT_STREQ(error.what(), "[test] expected 3, found 4");
    return;
  }
  FAIL() << "nothing was thrown";
}

using namespace std::literals;

TEST(Error, QuotesWhatFilesContain) {
  EXPECT_EQ(quoted("plain é"sv), "\"plain é\"");
  EXPECT_EQ(quoted("a\0\n\xff"sv), "\"a\\x00\\x0a\\xff\"");
  EXPECT_EQ(quoted("\xed\xa0\x80"sv), "\"\\xed\\xa0\\x80\"") << "a surrogate is no character";
  EXPECT_EQ(quoted("abcdef"sv, 3), "\"abc...\"");
}

}  // namespace
}  // namespace saker
