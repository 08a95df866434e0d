// What a run starts from: weights made anew, those of a model, or a checkpoint.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "train/recipe.h"
#include "train/run_folder.h"

namespace saker {

struct RunStart {
  enum class Kind { anew, resume, fork };
  Kind kind = Kind::anew;
  std::filesystem::path checkpoint;  // empty for resume: the newest one of the run
};

// The checkpoint, verified; empty for a run anew. Throws not_found, corrupt_data, and invalid_argument where a run that
// is not a resume would write over another.
std::filesystem::path starting_checkpoint(const RunFolder& folder, const RunStart& start);

// Throws invalid_argument if the checkpoint's model is not the recipe's.
Weights starting_weights(const Recipe& recipe, const std::filesystem::path& checkpoint, int threads);

// Throws invalid_argument naming the keys in which a resumed run would not be the one that was interrupted.
void expect_same_recipe(const nlohmann::json& saved, const nlohmann::json& given);

// The token that ends texts. Throws unsupported if the configuration names none.
int32_t end_of_text(const ModelConfig& config);

}  // namespace saker
