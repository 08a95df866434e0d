#include "model/generation_config.h"

#include <gtest/gtest.h>

#include "core/temporary_folder.h"

namespace saker {
namespace {

ModelConfig model() {
  ModelConfig config;
  config.bos_token_id = 8;
  config.eos_token_ids = {11};
  config.pad_token_id = -1;
  return config;
}

TEST(GenerationConfig, ReadsWhatIsThere) {
  const auto config = parse_generation_config(R"({"bos_token_id": 1, "eos_token_id": [11, 10], "pad_token_id": 0,
      "do_sample": true, "temperature": 0.7, "top_k": 40, "top_p": 0.9, "repetition_penalty": 1, "max_new_tokens": 5})",
                                              model(), "file");
  EXPECT_EQ(config.bos_token_id, 1);
  EXPECT_EQ(config.eos_token_ids, (std::vector<int32_t>{11, 10}));
  EXPECT_EQ(config.pad_token_id, 0);
  EXPECT_EQ(config.do_sample, true);
  EXPECT_EQ(config.temperature, 0.7);
  EXPECT_EQ(config.top_k, 40);
  EXPECT_EQ(config.top_p, 0.9);
  EXPECT_EQ(config.repetition_penalty, 1.0);
  EXPECT_EQ(config.max_new_tokens, 5);
  EXPECT_FALSE(config.min_p || config.typical_p);
}

TEST(GenerationConfig, FallsBackOnTheIdsOfTheModel) {
  TemporaryFolder folder;
  for (const auto& config :
       {load_generation_config(folder.path(), model()),
        parse_generation_config(R"({"eos_token_id": null, "temperature": null})", model(), "file")}) {
    EXPECT_EQ(config.bos_token_id, 8);
    EXPECT_EQ(config.eos_token_ids, std::vector<int32_t>{11});
    EXPECT_EQ(config.pad_token_id, -1);
    EXPECT_FALSE(config.temperature);
  }
}

TEST(GenerationConfig, WrongValuesNameTheKey) {
  const auto error = [](const char* text) { return error_of([&] { parse_generation_config(text, model(), "file"); }); };
  EXPECT_NE(error(R"({"temperature": -1})").find("[config] file: expected temperature"), std::string::npos);
  EXPECT_NE(error(R"({"top_p": "x"})").find("expected top_p"), std::string::npos);
  EXPECT_NE(error(R"({"top_k": -1})").find("expected top_k from 0, found -1"), std::string::npos);
  EXPECT_NE(error(R"({"top_k": 1.5})").find("expected top_k to be an integer"), std::string::npos);
  EXPECT_NE(error(R"({"do_sample": "yes"})").find("expected do_sample"), std::string::npos);
  EXPECT_NE(error(R"([])").find("expected an object"), std::string::npos);
}

TEST(GenerationConfig, RoundTripOfTheIds) {
  ModelConfig config = model();
  config.eos_token_ids = {11, 10};
  const auto read = parse_generation_config(write_generation_config(config), ModelConfig{}, "file");
  EXPECT_EQ(read.bos_token_id, 8);
  EXPECT_EQ(read.eos_token_ids, config.eos_token_ids);
}

}  // namespace
}  // namespace saker
