// The checks that scripts/conformance runs.
#pragma once

#include <filesystem>

#include "conformance/report.h"
#include "ops/op_table.h"

namespace saker::conformance {

// Every model folder of `golden` (a folder with vectors.safetensors), in every type in which it can be held:
// docs/numerics.md.
void check_models(const std::filesystem::path& golden, const Backend& backend, Report& report);
// golden/ops.safetensors: operations alone.
void check_ops(const std::filesystem::path& golden, const Backend& backend, Report& report);
// golden/sampling.json: distributions after the logits processors.
void check_sampling(const std::filesystem::path& golden, Report& report);
// The model of model-spec, appendix A: weights from a formula, results in float64.
void check_formula_model(const Backend& backend, Report& report);
// Every folder of `tokenizers` with a tokenizer.json or vectors for one.
void check_tokenizers(const std::filesystem::path& tokenizers, Report& report);

}  // namespace saker::conformance
