// Model folders as Hugging Face publishes them: config.json and safetensors, single or sharded with an index.
// docs/formats/checkpoint.md says what is read and written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "model/weights.h"

namespace saker {

// Maps the files; nothing is copied. Every tensor of the configuration must be there with its shape, as f32, f16 or
// bf16; tensors beyond those are ignored. Throws not_found, corrupt_data or unsupported with the file and tensor named.
Weights load_checkpoint(const std::filesystem::path& folder);

struct SaveOptions {
  DType dtype = DType::f32;  // of every tensor in the files: f32, bf16 or f16
  int64_t shard_bytes = int64_t{5} << 30;
  // Called with the bytes of weights written so far and in all. It may throw to stop; see save_checkpoint.
  std::function<void(int64_t done, int64_t total)> progress;
};

// Writes generation_config.json, safetensors, their index if there are several, and config.json into `folder`, made if
// need be. Each file is replaced atomically and config.json comes last, so that a folder with one is complete; then
// weights of an earlier save that nothing refers to any more are removed. Memory: one piece of a tensor.
void save_checkpoint(const Weights& weights, const std::filesystem::path& folder, const SaveOptions& options);

// Where random weights come from:
//   huggingface   as HF transformers: model-spec 5.1
//   mamba         as the authors of Mamba train from scratch: embeddings N(0, 0.02), matrices and the biases of
//                 convolutions uniform within 1 / sqrt(inputs), out_proj scaled down by sqrt(layers): model-spec 5.2
enum class InitScheme { huggingface, mamba };

std::string_view name(InitScheme scheme) noexcept;
std::optional<InitScheme> init_scheme_from_name(std::string_view name) noexcept;

// A pure function of scheme, seed and the tensor's place in tensor_specs, whatever the number of threads (0: one per
// core).
Weights init_weights(const ModelConfig& config, uint64_t seed, DType dtype, int threads = 0,
                     InitScheme scheme = InitScheme::huggingface);

// The same distributions, with embeddings and matrices drawn on a GPU by itself: other values, which never travel. For
// benchmarks. The small tensors are f32.
Weights init_weights_on_gpu(const ModelConfig& config, uint64_t seed, DType dtype, Place place);

// save_checkpoint(init_weights(...)) without holding the model in memory.
void init_checkpoint(const ModelConfig& config, uint64_t seed, const std::filesystem::path& folder,
                     const SaveOptions& options, InitScheme scheme = InitScheme::huggingface);

}  // namespace saker
