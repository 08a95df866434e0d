// Writing a model folder tensor by tensor, wherever the values come from.
#pragma once

#include "model/checkpoint.h"

namespace saker {

// Puts elements [begin, begin + count) of tensor `index` of tensor_specs into `out`, in the dtype of the options.
using TensorFiller = std::function<void(size_t index, const TensorSpec& spec, int64_t begin, int64_t count, void* out)>;

// As save_checkpoint says.
void write_checkpoint(const ModelConfig& config, const std::filesystem::path& folder, const SaveOptions& options,
                      const TensorFiller& fill);

}  // namespace saker
