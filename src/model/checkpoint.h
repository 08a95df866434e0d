// Model folders as Hugging Face publishes them: config.json and safetensors, single or sharded with an index.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "model/weights.h"

namespace saker {

// Maps the files; nothing is copied. Every tensor of the configuration must be there with its shape, as f32, f16 or
// bf16; tensors beyond those are ignored. Throws not_found, corrupt_data or unsupported with the file and tensor named.
Weights load_checkpoint(const std::filesystem::path& folder);

// Writes config.json, generation_config.json and safetensors, in shards of at most `shard_bytes`; each file is replaced
// atomically and the index last. Matrices, and all else, are converted to `dtype`. `progress(done, total)` in bytes.
void save_checkpoint(const Weights& weights, const std::filesystem::path& folder, DType dtype,
                     int64_t shard_bytes = int64_t{5} << 30,
                     const std::function<void(int64_t, int64_t)>& progress = {});

// Random weights by the initialisation of HF transformers (model-spec 5.1), a pure function of the seed.
Weights init_weights(const ModelConfig& config, uint64_t seed, DType dtype);

}  // namespace saker
