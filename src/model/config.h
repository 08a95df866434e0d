// Hyper-parameters under the paper's names, read from a published config.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace saker {

// model_type: falcon_mamba normalises dt, B and C; plain Mamba-1 does not.
enum class Variant { falcon_mamba, mamba };

struct ModelConfig {
  Variant variant = Variant::falcon_mamba;
  int64_t vocab_size = 50280;   // v
  int64_t d_model = 768;        // d, hidden_size
  int64_t n_layer = 32;         // p, num_hidden_layers
  int64_t d_inner = 1536;       // e, intermediate_size (wins over expand * hidden_size)
  int64_t d_state = 16;         // n, state_size
  int64_t d_conv = 4;           // k, conv_kernel
  int64_t dt_rank = 48;         // r, time_step_rank ("auto": ceil(d / 16))
  double rms_eps = 1e-5;        // layer_norm_epsilon: block norms and final norm
  double mixer_rms_eps = 1e-6;  // dt, B and C norms
  bool use_bias = false;        // on in_proj and out_proj
  bool use_conv_bias = true;
  bool tied_embeddings = true;
  int32_t bos_token_id = 0;               // -1: none
  std::vector<int32_t> eos_token_ids{0};  // any of them ends a text; may be empty
  int32_t pad_token_id = 0;               // -1: none
  DType stored_dtype = DType::f32;        // dtype or torch_dtype: informational

  // Initialisation only.
  float initializer_range = 0.1f;
  float time_step_scale = 1.0f, time_step_min = 1e-3f, time_step_max = 0.1f, time_step_floor = 1e-4f;
  bool time_step_constant = false;  // time_step_init_scheme: constant instead of random
  bool rescale_prenorm_residual = false;
  bool operator==(const ModelConfig&) const = default;

  int64_t parameters() const noexcept;
  int64_t state_bytes() const noexcept;  // of one sequence, f32
  // Throws invalid_argument unless all extents are positive and within what can be computed.
  void validate() const;
};

// Missing keys take the library's defaults, unknown keys are ignored; wrong types and values throw corrupt_data naming
// the key. `from` names the file in messages.
ModelConfig parse_config(std::string_view json, std::string_view from);
ModelConfig load_config(const std::filesystem::path& folder);
// config.json as HF transformers reads it.
std::string write_config(const ModelConfig& config);

}  // namespace saker
