#include "model/checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/temporary_folder.h"
#include "io/read_file.h"
#include "io/safetensors.h"

namespace saker {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kShared = fs::path(SAKER_SOURCE_DIR) / ".." / "shared";

ModelConfig tiny() {
  ModelConfig config;
  config.vocab_size = 20;
  config.d_model = 8;
  config.n_layer = 2;
  config.d_inner = 16;
  config.d_state = 4;
  config.dt_rank = 3;
  config.tied_embeddings = false;
  return config;
}

void expect_same_bytes(const Weights& a, const Weights& b) {
  std::vector<ConstTensorView> expected;
  for_each_tensor(a, [&](const TensorSpec&, const ConstTensorView& view) { expected.push_back(view); });
  size_t i = 0;
  for_each_tensor(b, [&](const TensorSpec& spec, const ConstTensorView& view) {
    const ConstTensorView& other = expected.at(i++);
    ASSERT_EQ(view.dtype, other.dtype) << spec.name;
    ASSERT_EQ(view.shape, other.shape) << spec.name;
    EXPECT_EQ(std::memcmp(view.data, other.data, static_cast<size_t>(view.shape.elements()) * size_of(view.dtype)), 0)
        << spec.name;
  });
}

// A saved tiny model whose files a test then damages.
class Checkpoint : public testing::Test {
 protected:
  Checkpoint() { save({}); }

  void save(const SaveOptions& options) { save_checkpoint(weights_, path(), options); }
  fs::path path() const { return folder_.path() / "model"; }
  std::string error() const {
    return error_of([&] { load_checkpoint(path()); });
  }
  void expect_error(const std::string& part) const { EXPECT_NE(error().find(part), std::string::npos) << error(); }
  void edit_json(const char* file, const std::function<void(json&)>& edit) const {
    json value = json::parse(read_file(path() / file));
    edit(value);
    std::ofstream(path() / file) << value;
  }
  void shard() { save({DType::f32, 2000, {}}); }

  TemporaryFolder folder_;
  Weights weights_ = init_weights(tiny(), 1, DType::f32);
};

constexpr const char* kIndex = "model.safetensors.index.json";

TEST_F(Checkpoint, RoundTripOfOneFile) {
  const Weights loaded = load_checkpoint(path());
  EXPECT_EQ(loaded.config, weights_.config);
  expect_same_bytes(loaded, weights_);
}

TEST_F(Checkpoint, RoundTripOfShards) {
  shard();
  EXPECT_FALSE(fs::exists(path() / "model.safetensors"));
  const json index = json::parse(read_file(path() / kIndex));
  EXPECT_EQ(index["metadata"]["total_size"], tiny().parameters() * 4);
  EXPECT_EQ(index["weight_map"].size(), tensor_specs(tiny()).size());
  const std::string last = index["weight_map"]["lm_head.weight"];
  EXPECT_EQ(last.substr(0, 6), "model-");
  expect_same_bytes(load_checkpoint(path()), weights_);
}

TEST_F(Checkpoint, SavingAgainLeavesNoOlderWeights) {
  shard();
  save({});
  EXPECT_FALSE(fs::exists(path() / kIndex));
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(path())) ++files;
  EXPECT_EQ(files, 3u);
  expect_same_bytes(load_checkpoint(path()), weights_);
}

TEST_F(Checkpoint, ConvertsToTheDtypeAsked) {
  save({DType::bf16, 1 << 30, {}});
  const Weights loaded = load_checkpoint(path());
  EXPECT_EQ(loaded.config.stored_dtype, DType::bf16);
  EXPECT_EQ(loaded.layers[0].A_log.dtype, DType::bf16);
  const float value = weights_.layers[1].in_proj.as<float>()[5];
  EXPECT_EQ(loaded.layers[1].in_proj.as<BFloat16>()[5].bits, BFloat16(value).bits);
}

TEST_F(Checkpoint, TheHeadOfATiedModelIsTheEmbedding) {
  weights_.config.tied_embeddings = true;
  weights_.lm_head = weights_.embeddings;
  save({});
  EXPECT_FALSE(SafetensorsFile(path() / "model.safetensors").contains("lm_head.weight"));
  const Weights loaded = load_checkpoint(path());
  EXPECT_EQ(loaded.lm_head.data, loaded.embeddings.data);
}

TEST_F(Checkpoint, ProgressCountsBytesToTheTotal) {
  std::vector<int64_t> done;
  save({DType::f16, 2000, [&](int64_t now, int64_t total) {
          EXPECT_EQ(total, tiny().parameters() * 2);
          done.push_back(now);
        }});
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(done.back(), tiny().parameters() * 2);
}

TEST_F(Checkpoint, StoppingKeepsTheOlderWeights) {
  const auto stop = [](int64_t, int64_t) { fail(ErrorCode::cancelled, "stop"); };
  EXPECT_EQ(error_of([&] { save({DType::bf16, 1 << 30, stop}); }), "stop");
  expect_same_bytes(load_checkpoint(path()), weights_);
}

TEST_F(Checkpoint, TensorsBeyondTheModelAreIgnored) {
  std::vector<SafetensorsWriter::Entry> entries;
  for (const TensorSpec& spec : tensor_specs(tiny())) entries.push_back({spec.name, DType::f32, spec.shape});
  entries.front().name = "backbone.embedding.weight";  // as the original files call it
  entries.push_back({"backbone.layers.0.mixer.b_c_rms", DType::f32, {4}});
  SafetensorsWriter file(path() / "model.safetensors", entries);
  for_each_tensor(weights_, [&](const TensorSpec&, const ConstTensorView& view) {
    file.write(view.data, static_cast<size_t>(view.shape.elements()) * 4);
  });
  file.write("0123456789abcdef", 16);
  file.commit();
  expect_same_bytes(load_checkpoint(path()), weights_);
}

TEST_F(Checkpoint, MissingFiles) {
  fs::remove(path() / "model.safetensors");
  expect_error("expected model.safetensors or model.safetensors.index.json, found neither");
  fs::remove(path() / "config.json");
  expect_error("config.json\", found none");
  EXPECT_NE(error_of([&] { load_checkpoint(folder_.path() / "absent"); }), "");
}

TEST_F(Checkpoint, MissingTensor) {
  edit_json("config.json", [](json& config) { config["num_hidden_layers"] = 3; });
  expect_error("expected a tensor backbone.layers.2.norm.weight, found none");
  shard();
  edit_json(kIndex, [](json& index) { index["weight_map"].erase("backbone.norm_f.weight"); });
  expect_error("expected a tensor backbone.norm_f.weight, found none");
}

TEST_F(Checkpoint, WrongShape) {
  edit_json("config.json", [](json& config) { config["vocab_size"] = 21; });
  expect_error("tensor backbone.embeddings.weight: expected shape [21, 8] as config.json says, found [20, 8]");
}

TEST_F(Checkpoint, WrongType) {
  std::vector<SafetensorsWriter::Entry> entries;
  for (const TensorSpec& spec : tensor_specs(tiny())) entries.push_back({spec.name, DType::f64, spec.shape});
  const std::string zeros(static_cast<size_t>(tiny().parameters()) * 8, '\0');
  SafetensorsWriter file(path() / "model.safetensors", entries);
  file.write(zeros.data(), zeros.size());
  file.commit();
  expect_error("tensor backbone.embeddings.weight: expected f32, bf16 or f16, found f64");
}

TEST_F(Checkpoint, TruncatedShard) {
  shard();
  fs::resize_file(path() / "model-00002-of-00005.safetensors", 100);
  expect_error("model-00002-of-00005.safetensors\": expected a header of");
}

TEST_F(Checkpoint, MissingShard) {
  shard();
  fs::remove(path() / "model-00002-of-00005.safetensors");
  expect_error("model-00002-of-00005.safetensors\", found none");
}

TEST_F(Checkpoint, AnIndexThatPointsOutsideOrAtNothing) {
  shard();
  const auto name_of_norm = [&](const json& name) {
    edit_json(kIndex, [&](json& index) { index["weight_map"]["backbone.norm_f.weight"] = name; });
  };
  for (const char* name : {"../secret.safetensors", "/etc/passwd", "a/../../b", "", ".."}) {
    name_of_norm(name);
    expect_error("expected the name of a file within the folder");
  }
  name_of_norm(std::string("model\0x", 7));
  expect_error("expected the name of a file within the folder");
  name_of_norm(7);
  expect_error("expected weight_map to map to file names, found an integer at \"backbone.norm_f.weight\"");
  name_of_norm("model-00001-of-00005.safetensors");
  expect_error("expected a tensor \"backbone.norm_f.weight\", found none");
  name_of_norm(".");
  expect_error("found a folder");
}

TEST_F(Checkpoint, BrokenIndex) {
  shard();
  edit_json(kIndex, [](json& index) { index["weight_map"] = 7; });
  expect_error("expected weight_map to be an object");
  std::ofstream(path() / kIndex) << "{\"weight_map\":";
  expect_error("ends early");
}

TEST_F(Checkpoint, AFolderThatCannotBeMade) {
  EXPECT_NE(error_of([&] { save_checkpoint(weights_, path() / "config.json" / "x", {}); }).find("cannot be made"),
            std::string::npos);
  EXPECT_NE(error_of([&] { save_checkpoint(weights_, path() / "config.json", {}); }).find("cannot be made"),
            std::string::npos);
}

TEST_F(Checkpoint, WhatDoesNotFitTheDiskIsRefusedAtOnce) {
  ModelConfig huge = tiny();
  huge.vocab_size = 1 << 24;
  huge.d_model = 1 << 20;
  EXPECT_NE(error_of([&] { init_checkpoint(huge, 1, path(), {}); }).find("bytes of weights do not fit"),
            std::string::npos);
  expect_same_bytes(load_checkpoint(path()), weights_);
}

TEST(CheckpointGolden, EveryFolderSurvivesASave) {
  if (!fs::exists(kShared)) GTEST_SKIP() << "the golden models are absent";
  for (const char* name : {"golden/untied", "golden/tied-odd", "golden/no-conv-bias", "golden/plain-mamba",
                           "golden/sharded-bf16", "golden/half", "reference-model"}) {
    TemporaryFolder folder;
    const Weights weights = load_checkpoint(kShared / name);
    save_checkpoint(weights, folder.path(), {weights.config.stored_dtype, 1 << 30, {}});
    const Weights again = load_checkpoint(folder.path());
    EXPECT_EQ(again.config, weights.config) << name;
    expect_same_bytes(again, weights);
  }
}

}  // namespace
}  // namespace saker
