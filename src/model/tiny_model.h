// A small random model in memory, for tests that need one without files; and the shape of a large one.
#pragma once

#include "core/rng.h"
#include "model/checkpoint.h"
#include "model/falcon_mamba.h"
#include "ops/op_table.h"

namespace saker {

inline ModelConfig tiny_config() {
  ModelConfig config;
  config.vocab_size = 97;
  config.d_model = 40;
  config.n_layer = 3;
  config.d_inner = 72;
  config.dt_rank = 5;
  config.tied_embeddings = false;
  return config;
}

// falcon-mamba-7b as published.
inline ModelConfig falcon_7b() {
  ModelConfig config;
  config.vocab_size = 65024;
  config.d_model = 4096;
  config.n_layer = 64;
  config.d_inner = 8192;
  config.dt_rank = 256;
  config.tied_embeddings = false;
  return config;
}

inline FalconMamba tiny_model(DType dtype = DType::f32, int threads = 2, BackendKind kind = BackendKind::cpu) {
  return FalconMamba(init_weights(tiny_config(), 7, DType::f32), open_backend(kind, threads), dtype);
}

// `count` ids that depend on `seed` alone.
inline std::vector<int32_t> random_ids(const ModelConfig& config, int64_t count, uint64_t seed) {
  const Rng rng(seed);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i)
    ids.push_back(static_cast<int32_t>(rng.uniform(static_cast<uint64_t>(i)) * static_cast<double>(config.vocab_size)));
  return ids;
}

}  // namespace saker
