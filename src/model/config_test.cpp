#include "model/config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/temporary_folder.h"

namespace saker {
namespace {

ModelConfig parse(const std::string& members) {
  return parse_config(R"({"model_type": "falcon_mamba")" + (members.empty() ? "" : ", " + members) + "}", "file");
}

std::string error(const std::string& members) {
  return error_of([&] { parse(members); });
}

TEST(Config, MissingAndNullKeysTakeTheLibraryDefaults) {
  EXPECT_EQ(parse(""), ModelConfig{});
  EXPECT_EQ(parse(R"("intermediate_size": null, "time_step_rank": null, "hidden_act": null, "dtype": null,
                     "tie_word_embeddings": null, "mixer_rms_eps": null, "layer_norm_epsilon": null, "unknown": {"a": 1})"),
            ModelConfig{});
  EXPECT_TRUE(parse("").tied_embeddings);
  EXPECT_EQ(parse("").mixer_rms_eps, 1e-6);
}

TEST(Config, AnExplicitInnerSizeWinsOverExpand) {
  EXPECT_EQ(parse(R"("hidden_size": 4096, "expand": 16, "intermediate_size": 8192)").d_inner, 8192);
  EXPECT_EQ(parse(R"("hidden_size": 64, "expand": 3)").d_inner, 192);
  EXPECT_EQ(parse(R"("hidden_size": 64, "expand": 1.5)").d_inner, 96);
}

TEST(Config, RankAutoIsASixteenthRoundedUp) {
  EXPECT_EQ(parse(R"("hidden_size": 100, "time_step_rank": "auto")").dt_rank, 7);
  EXPECT_EQ(parse(R"("hidden_size": 100)").dt_rank, 7);
  EXPECT_EQ(parse(R"("hidden_size": 100, "time_step_rank": 5)").dt_rank, 5);
}

TEST(Config, TokenIds) {
  const ModelConfig config = parse(R"("bos_token_id": 8, "eos_token_id": [11, 10], "pad_token_id": null)");
  EXPECT_EQ(config.bos_token_id, 8);
  EXPECT_EQ(config.eos_token_ids, (std::vector<int32_t>{11, 10}));
  EXPECT_EQ(config.pad_token_id, -1);
  EXPECT_EQ(parse(R"("eos_token_id": 11)").eos_token_ids, std::vector<int32_t>{11});
  EXPECT_TRUE(parse(R"("eos_token_id": null)").eos_token_ids.empty());
}

TEST(Config, StoredDtypeUnderEitherName) {
  EXPECT_EQ(parse(R"("torch_dtype": "bfloat16")").stored_dtype, DType::bf16);
  EXPECT_EQ(parse(R"("dtype": "float16", "torch_dtype": "bfloat16")").stored_dtype, DType::f16);
}

TEST(Config, OriginalStateSpacesFile) {
  const ModelConfig config = parse_config(R"({"d_model": 2560, "n_layer": 64, "vocab_size": 50277, "rms_norm": true,
      "ssm_cfg": {"d_state": 8, "dt_rank": "auto"}, "residual_in_fp32": true, "fused_add_norm": true,
      "pad_vocab_size_multiple": 8, "tie_embeddings": false})",
                                          "file");
  EXPECT_EQ(config.variant, Variant::mamba);
  EXPECT_EQ(config.d_model, 2560);
  EXPECT_EQ(config.n_layer, 64);
  EXPECT_EQ(config.vocab_size, 50280);
  EXPECT_EQ(config.d_state, 8);
  EXPECT_EQ(config.d_inner, 5120);
  EXPECT_EQ(config.dt_rank, 160);
  EXPECT_FALSE(config.tied_embeddings);
}

TEST(Config, OriginalFilesBeyondMamba1AreRefused) {
  const auto original = [](const std::string& more) {
    return error_of([&] { parse_config(R"({"d_model": 64, )" + more + "}", "file"); });
  };
  EXPECT_NE(original(R"("ssm_cfg": {"layer": "Mamba2"})").find("Mamba1, found \"Mamba2\""), std::string::npos);
  EXPECT_NE(original(R"("rms_norm": false)").find("rms_norm true"), std::string::npos);
  EXPECT_NE(original(R"("d_intermediate": 128)").find("d_intermediate 0"), std::string::npos);
}

TEST(Config, TodaysNamesWinOverOriginalOnes) {
  const ModelConfig config = parse(R"("d_model": 1, "hidden_size": 64, "n_layer": 3, "d_inner": 200)");
  EXPECT_EQ(config.d_model, 64);
  EXPECT_EQ(config.n_layer, 3);
  EXPECT_EQ(config.d_inner, 200);
}

TEST(Config, TheVariantMustBeKnown) {
  EXPECT_EQ(parse_config(R"({"model_type": "mamba"})", "file").variant, Variant::mamba);
  const auto type_error = [](const char* text) { return error_of([&] { parse_config(text, "file"); }); };
  EXPECT_EQ(type_error("{}"), "[config] file: expected model_type falcon_mamba or mamba, found none");
  EXPECT_NE(type_error(R"({"model_type": "llama"})").find("found \"llama\""), std::string::npos);
  EXPECT_NE(type_error(R"({"model_type": 5})").find("model_type to be a string, found \"5\""), std::string::npos);
}

TEST(Config, WrongTypesAndValuesNameTheKey) {
  EXPECT_EQ(error(R"("hidden_size": -1)"),
            "[config] file: expected hidden_size to be an integer from 1 to 2147483647, found \"-1\"");
  EXPECT_NE(error(R"("hidden_size": 64.0)").find("hidden_size to be an integer"), std::string::npos);
  EXPECT_NE(error(R"("hidden_size": "64")").find("hidden_size to be an integer"), std::string::npos);
  EXPECT_NE(error(R"("hidden_size": 18446744073709551615)").find("hidden_size to be an integer"), std::string::npos);
  EXPECT_NE(error(R"("hidden_size": 2000000000)").find("hidden_size from 1 to 1048576"), std::string::npos);
  EXPECT_NE(error(R"("num_hidden_layers": 0)").find("num_hidden_layers"), std::string::npos);
  EXPECT_NE(error(R"("num_hidden_layers": true)").find("num_hidden_layers"), std::string::npos);
  EXPECT_NE(error(R"("expand": 1e300)").find("expand to be a number"), std::string::npos);
  EXPECT_NE(error(R"("expand": 0)").find("expand to be a number"), std::string::npos);
  EXPECT_NE(error(R"("conv_kernel": 9)").find("conv_kernel from 2 to 8"), std::string::npos);
  EXPECT_NE(error(R"("time_step_rank": "all")").find("time_step_rank to be an integer"), std::string::npos);
  EXPECT_NE(error(R"("layer_norm_epsilon": 0)").find("layer_norm_epsilon"), std::string::npos);
  EXPECT_NE(error(R"("mixer_rms_eps": "small")").find("mixer_rms_eps"), std::string::npos);
  EXPECT_NE(error(R"("use_bias": 1)").find("use_bias to be true or false"), std::string::npos);
  EXPECT_NE(error(R"("hidden_act": "gelu")").find("silu or swish, found \"gelu\""), std::string::npos);
  EXPECT_NE(error(R"("eos_token_id": [1, "a"])").find("eos_token_id to be a token id"), std::string::npos);
  EXPECT_NE(error(R"("eos_token_id": 1.5)").find("eos_token_id to be a token id"), std::string::npos);
  EXPECT_NE(error(R"("bos_token_id": 3000000000)").find("bos_token_id to be a token id"), std::string::npos);
  EXPECT_NE(error(R"("time_step_min": 0.2)").find("time_step_min <= time_step_max"), std::string::npos);
  EXPECT_NE(error(R"("time_step_init_scheme": "zeros")").find("time_step_init_scheme"), std::string::npos);
  EXPECT_NE(error(R"("ssm_cfg": 7)"), "");
}

TEST(Config, WhatIsNoJsonObjectIsRefused) {
  for (const char* text : {"", "[]", "7", "{", "{\"model_type\": \"mamba\"} x"})
    EXPECT_NE(error_of([&] { parse_config(text, "file"); }).find("[config] file: "), std::string::npos) << text;
}

TEST(Config, RoundTrip) {
  ModelConfig config;
  config.variant = Variant::falcon_mamba;
  config.vocab_size = 99;
  config.d_model = 24;
  config.d_inner = 56;
  config.dt_rank = 7;
  config.n_layer = 2;
  config.d_state = 13;
  config.d_conv = 2;
  config.rms_eps = 3e-5;
  config.mixer_rms_eps = 1e-5;
  config.use_bias = true;
  config.use_conv_bias = false;
  config.tied_embeddings = false;
  config.bos_token_id = -1;
  config.eos_token_ids = {11, 10};
  config.pad_token_id = 3;
  config.stored_dtype = DType::f16;
  config.initializer_range = 0.02f;
  config.time_step_constant = true;
  config.rescale_prenorm_residual = true;
  EXPECT_EQ(parse_config(write_config(config), "file"), config);
  config.variant = Variant::mamba;
  config.mixer_rms_eps = ModelConfig{}.mixer_rms_eps;  // plain Mamba has none
  config.eos_token_ids = {};
  EXPECT_EQ(parse_config(write_config(config), "file"), config);
}

TEST(Config, WritesWhatHumansExpect) {
  const auto json = nlohmann::json::parse(write_config(ModelConfig{}));
  EXPECT_EQ(json["layer_norm_epsilon"].dump(), "1e-05");
  EXPECT_EQ(json["expand"], 2);
  EXPECT_EQ(json["architectures"][0], "FalconMambaForCausalLM");
}

TEST(Config, ValidateRefusesWhatCannotBeComputed) {
  ModelConfig config;
  config.validate();
  config.d_state = 0;
  EXPECT_NE(error_of([&] { config.validate(); }).find("state_size"), std::string::npos);
}

}  // namespace
}  // namespace saker
