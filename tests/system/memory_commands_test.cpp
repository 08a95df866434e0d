// What a user sees of "constant memory": the figure that generate reports.
#include <gtest/gtest.h>

#include <string>

#include "system/program.h"

namespace saker {
namespace {

class MemoryCommands : public testing::Test {
 protected:
  MemoryCommands() {
    const std::string config =
        folder_.write("config.json", R"({"model_type": "falcon_mamba", "vocab_size": 280, "hidden_size": 16,
            "num_hidden_layers": 2, "eos_token_id": 7})");
    EXPECT_EQ(run_saker({"init", "--config", config, "--out", model()}).code, 0);
  }

  std::string model() const { return folder_.path() / "model"; }

  // In megabytes.
  double peak_of(const std::string& prompt, int tokens) const {
    const Outcome outcome = run_saker({"generate", "--model", model(), "-n", std::to_string(tokens), "--ignore-eos",
                                       "--threads", "1", "--seed", "1", "--stats"},
                                      prompt);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const size_t line = outcome.err.find("memory ");
    EXPECT_NE(line, std::string::npos) << outcome.err;
    return line == std::string::npos ? 0.0 : std::stod(outcome.err.substr(line + 7));
  }

  TemporaryFolder folder_;
};

TEST_F(MemoryCommands, AHundredThousandTokensTakeThatOfTen) {
  EXPECT_NEAR(peak_of("x", 100'000), peak_of("x", 10), 1.0);
}

TEST_F(MemoryCommands, ALongPromptAddsItsTextAndIdsAlone) {
  constexpr double kBytesPerToken = 40.0;  // a byte of text, four of the id; both in buffers that grow by doubling
  const double short_prompt = peak_of(std::string(20'000, 'x'), 1), long_prompt = peak_of(std::string(200'000, 'x'), 1);
  EXPECT_LE(long_prompt - short_prompt, 180'000 * kBytesPerToken / 1e6);
}

}  // namespace
}  // namespace saker
