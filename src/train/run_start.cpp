#include "train/run_start.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "train/checkpoint_folder.h"

namespace saker {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Beside how a model is initialised, which is over.
void expect_same_model(const ModelConfig& saved, ModelConfig given, const fs::path& folder) {
  given.stored_dtype = saved.stored_dtype;
  if (saved == given) return;
  const json a = json::parse(write_config(saved)), b = json::parse(write_config(given));
  fail(ErrorCode::invalid_argument, "[train] {} holds another model than the recipe's: they differ in {}",
       saker::quoted(folder.native(), 400), fmt::join(differing_keys(a, b), ", "));
}

}  // namespace

fs::path starting_checkpoint(const RunFolder& folder, const RunStart& start) {
  if (start.kind != RunStart::Kind::resume) folder.expect_new();
  if (start.kind == RunStart::Kind::anew) return {};
  if (start.checkpoint.empty()) return newest_checkpoint(folder.checkpoints());
  verify_checkpoint(start.checkpoint);
  return start.checkpoint;
}

Weights starting_weights(const Recipe& recipe, const fs::path& checkpoint, int threads) {
  const ModelRecipe& model = recipe.model;
  if (checkpoint.empty() && model.weights.empty())
    return init_weights(model.config, model.seed, DType::f32, threads, model.init);
  if (checkpoint.empty()) return load_checkpoint(model.weights);
  expect_same_model(load_config(checkpoint), model.config, checkpoint);
  return load_checkpoint(checkpoint);
}

void expect_same_recipe(const json& saved, const json& given) {
  const std::vector<std::string> differences = differing_keys(saved, given);
  SAKER_CHECK(
      differences.empty(), ErrorCode::invalid_argument,
      "[train] --resume continues the recipe of the run; it differs in {}; --fork-from begins a run with another "
      "recipe",
      fmt::join(differences, ", "));
}

int32_t end_of_text(const ModelConfig& config) {
  const int32_t id = config.eos_token_ids.empty() ? config.bos_token_id : config.eos_token_ids.front();
  SAKER_CHECK(id >= 0, ErrorCode::unsupported,
              "[train] the model names no eos_token_id and no bos_token_id to score "
              "documents after");
  return id;
}

}  // namespace saker
