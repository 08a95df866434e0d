// What `saker bench` can time: apps/bench.cpp chooses.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/model_options.h"

namespace saker::apps {

struct BenchOptions {
  ModelOptions model;
  std::string config;                                      // random weights for it instead of a model
  std::string op;                                          // an operation instead of a model
  std::string tokenizer, text;                             // a tokenizer instead of a model
  std::vector<int64_t> prefill_tokens{512}, sequences{1};  // several on a GPU
  int64_t chunk = 0;  // most tokens of a prompt at once on a GPU; 0: as the model's default
  int64_t decode_tokens = 128;
  int64_t training_sequences = 8;    // of a step of training
  int64_t training_tokens = 256;     // of a sequence in a step of training
  std::string recompute = "none";    // of kRecomputeNames
  std::string moments = "f32";       // or 8-bit
  std::string masters = "f32";       // or split
  std::string activations = "auto";  // or f32
  int repeats = 5;
  bool json = false;
};

void bench_model(const BenchOptions& options);
void bench_model_on_gpu(const BenchOptions& options, const Backend& backend);
void bench_op(const BenchOptions& options);
void bench_tokenizer(const BenchOptions& options);
void bench_train(const BenchOptions& options);

}  // namespace saker::apps
