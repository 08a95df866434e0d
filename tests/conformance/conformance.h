// The checks that scripts/conformance runs.
#pragma once

#include <filesystem>
#include <vector>

#include "conformance/report.h"
#include "ops/op_table.h"

namespace saker::conformance {

// The model folders of `golden`, those with vectors.safetensors, by name.
std::vector<std::filesystem::path> model_folders(const std::filesystem::path& golden);
// Every model folder of `golden`, in every type in which it can be held:
// docs/numerics.md.
void check_models(const std::filesystem::path& golden, const Backend& backend, Report& report);
// Their losses and gradients, and what six steps of AdamW make of them: docs/numerics.md, "Gradients".
void check_training(const std::filesystem::path& golden, const Backend& backend, Report& report);
// golden/ops.safetensors: operations alone.
void check_ops(const std::filesystem::path& golden, const Backend& backend, Report& report);
// golden/sampling.json: distributions after the logits processors.
void check_sampling(const std::filesystem::path& golden, Report& report);
// The model of model-spec, appendix A: weights from a formula, results in float64.
void check_formula_model(const Backend& backend, Report& report);
// Its gradients, computed in `dtype`.
void check_formula_gradients(DType dtype, const Backend& backend, Report& report);
// Every folder of `tokenizers` with a tokenizer.json or vectors for one.
void check_tokenizers(const std::filesystem::path& tokenizers, Report& report);

}  // namespace saker::conformance
