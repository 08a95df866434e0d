// Memory of a GPU that training passes take beside their tensors.
#pragma once

#include <cstddef>

#include "model/config.h"
#include "model/training_activations.h"

namespace saker {

// The most that an operation of a pass of max_rows has at once, if documents have 64 tokens in the mean or more: a pass
// of shorter ones makes it grow, once. Copies of ids, labels and segments are not in it.
size_t gpu_scratch_bytes(const ModelConfig& config, const TrainingOptions& options);

}  // namespace saker
