#include "model/config.h"

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/json.h"
#include "io/json_fields.h"
#include "io/read_file.h"

namespace saker {

namespace {

using nlohmann::json;

constexpr int64_t kMaxWidth = 1 << 20, kMaxLayers = 1 << 14, kMaxState = 1 << 12, kMaxVocabulary = 1 << 24;
constexpr uint64_t kMaxConfigBytes = 16 << 20;

struct Extent {
  const char* name;
  int64_t ModelConfig::*value;
  int64_t min, max;
};
// The limits keep every product of extents within 64 bits.
constexpr std::array<Extent, 7> kExtents{{{"vocab_size", &ModelConfig::vocab_size, 1, kMaxVocabulary},
                                          {"hidden_size", &ModelConfig::d_model, 1, kMaxWidth},
                                          {"num_hidden_layers", &ModelConfig::n_layer, 1, kMaxLayers},
                                          {"intermediate_size", &ModelConfig::d_inner, 1, kMaxWidth},
                                          {"state_size", &ModelConfig::d_state, 1, kMaxState},
                                          {"conv_kernel", &ModelConfig::d_conv, 2, 8},
                                          {"time_step_rank", &ModelConfig::dt_rank, 1, kMaxWidth}}};

// Names of the original state-spaces files (there partly within ssm_cfg) and what they are called since.
constexpr std::array<std::pair<const char*, const char*>, 10> kOldNames{{{"d_model", "hidden_size"},
                                                                         {"n_layer", "num_hidden_layers"},
                                                                         {"d_state", "state_size"},
                                                                         {"d_conv", "conv_kernel"},
                                                                         {"d_inner", "intermediate_size"},
                                                                         {"dt_rank", "time_step_rank"},
                                                                         {"rms_norm_eps", "layer_norm_epsilon"},
                                                                         {"norm_epsilon", "layer_norm_epsilon"},
                                                                         {"tie_embeddings", "tie_word_embeddings"},
                                                                         {"bias", "use_bias"}}};

// An original file says d_model and has no model_type; only plain Mamba-1 with RMS norms is what we compute.
bool is_original(const JsonFields& fields) {
  return !fields.has("model_type") && fields.has("d_model");
}

void check_original(const JsonFields& fields) {
  const std::string layer = fields.object("ssm_cfg").text("layer", "Mamba1");
  if (layer != "Mamba1")
    fields.refuse(ErrorCode::unsupported, "expected ssm_cfg.layer Mamba1, found {}", saker::quoted(layer));
  if (!fields.boolean("rms_norm", true)) fields.refuse(ErrorCode::unsupported, "expected rms_norm true, found false");
  if (fields.integer("d_intermediate", 0) != 0)
    fields.refuse(ErrorCode::unsupported, "expected d_intermediate 0 (no MLP), found another");
}

// The rows of the embeddings, which the originals round up.
int64_t padded_vocabulary(const JsonFields& fields) {
  const int64_t multiple = fields.extent("pad_vocab_size_multiple", 8);
  return (fields.extent("vocab_size", 50277) + multiple - 1) / multiple * multiple;
}

// The same settings under today's names; a name of today wins.
json with_new_names(const json& root, const JsonFields& fields) {
  json renamed = root;
  const auto take = [&](const json& from) {
    for (const auto& [old_name, new_name] : kOldNames)
      if (from.contains(old_name) && !renamed.contains(new_name)) renamed[new_name] = from[old_name];
    if (from.contains("expand") && !renamed.contains("expand")) renamed["expand"] = from["expand"];
    if (from.contains("conv_bias") && !renamed.contains("use_conv_bias")) renamed["use_conv_bias"] = from["conv_bias"];
  };
  take(root);
  if (fields.has("ssm_cfg")) take(fields.object("ssm_cfg").value());
  if (is_original(fields)) {
    check_original(fields);
    renamed["model_type"] = "mamba";
    renamed["vocab_size"] = padded_vocabulary(fields);
  }
  return renamed;
}

Variant read_variant(const JsonFields& fields) {
  const std::string type = fields.text("model_type", "");
  if (type == "falcon_mamba") return Variant::falcon_mamba;
  if (type == "mamba") return Variant::mamba;
  fields.refuse(ErrorCode::unsupported, "expected model_type falcon_mamba or mamba, found {}",
                type.empty() ? "none" : saker::quoted(type));
}

// An explicit size wins over expand: the published 7B file says expand 16, which is wrong, beside the right size.
int64_t read_inner(const JsonFields& fields, int64_t d_model) {
  if (fields.has("intermediate_size")) return fields.extent("intermediate_size", 0);
  return static_cast<int64_t>(fields.number("expand", 2.0, 1e-6, 1e6) * static_cast<double>(d_model));
}

int64_t read_rank(const JsonFields& fields, int64_t d_model) {
  const int64_t automatic = (d_model + 15) / 16;
  return fields.is_text("time_step_rank", "auto") ? automatic : fields.extent("time_step_rank", automatic);
}

void read_extents(const JsonFields& fields, ModelConfig& config) {
  config.d_model = fields.extent("hidden_size", config.d_model);
  config.n_layer = fields.extent("num_hidden_layers", config.n_layer);
  config.vocab_size = fields.extent("vocab_size", config.vocab_size);
  config.d_inner = read_inner(fields, config.d_model);
  config.dt_rank = read_rank(fields, config.d_model);
  config.d_state = fields.extent("state_size", config.d_state);
  config.d_conv = fields.extent("conv_kernel", config.d_conv);
  config.use_bias = fields.boolean("use_bias", config.use_bias);
  config.use_conv_bias = fields.boolean("use_conv_bias", config.use_conv_bias);
  config.tied_embeddings = fields.boolean("tie_word_embeddings", config.tied_embeddings);
}

// What the fused kernels know, and we.
void check_activation(const JsonFields& fields) {
  const std::string act = fields.text("hidden_act", "silu");
  if (act != "silu" && act != "swish")
    fields.refuse(ErrorCode::unsupported, "expected hidden_act silu or swish, found {}", saker::quoted(act));
}

void read_initialisation(const JsonFields& fields, ModelConfig& config) {
  const auto positive = [&](const char* key, float standard) {
    return static_cast<float>(fields.number(key, standard, 1e-30, 1e30));
  };
  config.initializer_range = static_cast<float>(fields.number("initializer_range", config.initializer_range, 0.0, 1e6));
  config.time_step_scale = positive("time_step_scale", config.time_step_scale);
  config.time_step_min = positive("time_step_min", config.time_step_min);
  config.time_step_max = positive("time_step_max", config.time_step_max);
  config.time_step_floor = positive("time_step_floor", config.time_step_floor);
  config.rescale_prenorm_residual = fields.boolean("rescale_prenorm_residual", config.rescale_prenorm_residual);
  const std::string scheme = fields.text("time_step_init_scheme", "random");
  if (scheme != "random" && scheme != "constant")
    fields.refuse(ErrorCode::unsupported, "expected time_step_init_scheme random or constant, found {}",
                  saker::quoted(scheme));
  config.time_step_constant = scheme == "constant";
}

// Informational, so that an unknown name is no error.
DType read_dtype(const JsonFields& fields) {
  const std::string name = fields.text("dtype", fields.text("torch_dtype", "float32"));
  if (name == "bfloat16") return DType::bf16;
  if (name == "float16") return DType::f16;
  return DType::f32;
}

std::string_view hf_name(DType dtype) {
  switch (dtype) {
    case DType::bf16: return "bfloat16";
    case DType::f16: return "float16";
    default: return "float32";
  }
}

json id_or_null(int32_t id) {
  return id < 0 ? json(nullptr) : json(id);
}

json ids_json(const std::vector<int32_t>& ids) {
  if (ids.empty()) return nullptr;
  return ids.size() == 1 ? json(ids.front()) : json(ids);
}

// The double that prints as the float does: 1e-05, not 9.999999747378752e-06.
double shortest(float value) {
  const std::string text = fmt::format("{}", value);
  double result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

// What is wrong with the extents, if anything.
std::optional<std::string> problem_of(const ModelConfig& config) {
  for (const Extent& extent : kExtents) {
    const int64_t value = config.*extent.value;
    if (value < extent.min || value > extent.max)
      return fmt::format("expected {} from {} to {}, found {}", extent.name, extent.min, extent.max, value);
  }
  if (!(config.rms_eps > 0 && config.mixer_rms_eps > 0))
    return fmt::format("expected epsilons above 0, found {} and {}", config.rms_eps, config.mixer_rms_eps);
  if (!(config.time_step_min > 0 && config.time_step_min <= config.time_step_max))
    return fmt::format("expected 0 < time_step_min <= time_step_max, found {} and {}", config.time_step_min,
                       config.time_step_max);
  return std::nullopt;
}

}  // namespace

ModelConfig parse_config(std::string_view text, std::string_view from) {
  const json root = parse_json(text, "config", from);
  const json renamed = with_new_names(root, JsonFields(root, "config", from));
  const JsonFields fields(renamed, "config", from);
  ModelConfig config;
  config.variant = read_variant(fields);
  read_extents(fields, config);
  config.rms_eps = fields.number("layer_norm_epsilon", config.rms_eps, 1e-30, 1.0);
  config.mixer_rms_eps = fields.number("mixer_rms_eps", config.mixer_rms_eps, 1e-30, 1.0);
  config.bos_token_id = fields.token_id("bos_token_id", config.bos_token_id);
  config.eos_token_ids = fields.token_ids("eos_token_id", config.eos_token_ids);
  config.pad_token_id = fields.token_id("pad_token_id", config.pad_token_id);
  config.stored_dtype = read_dtype(fields);
  check_activation(fields);
  read_initialisation(fields, config);
  if (const auto problem = problem_of(config)) fields.refuse(ErrorCode::corrupt_data, "{}", *problem);
  return config;
}

ModelConfig load_config(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "config.json";
  return parse_config(read_file(path, kMaxConfigBytes), saker::quoted(path.native(), 400));
}

std::string write_config(const ModelConfig& config) {
  const bool falcon = config.variant == Variant::falcon_mamba;
  nlohmann::ordered_json out;
  out["architectures"] = {falcon ? "FalconMambaForCausalLM" : "MambaForCausalLM"};
  out["model_type"] = falcon ? "falcon_mamba" : "mamba";
  for (const Extent& extent : kExtents) out[extent.name] = config.*extent.value;
  // A whole number for strict readers; intermediate_size is what counts.
  out["expand"] = config.d_inner % config.d_model == 0 ? config.d_inner / config.d_model : 2;
  out["hidden_act"] = "silu";
  out["use_bias"] = config.use_bias;
  out["use_conv_bias"] = config.use_conv_bias;
  out["tie_word_embeddings"] = config.tied_embeddings;
  out["residual_in_fp32"] = true;
  out["layer_norm_epsilon"] = config.rms_eps;
  if (falcon) out["mixer_rms_eps"] = config.mixer_rms_eps;
  out["bos_token_id"] = id_or_null(config.bos_token_id);
  out["eos_token_id"] = ids_json(config.eos_token_ids);
  out["pad_token_id"] = id_or_null(config.pad_token_id);
  // Both names: readers before 2025 know the second alone.
  out["dtype"] = out["torch_dtype"] = hf_name(config.stored_dtype);
  out["initializer_range"] = shortest(config.initializer_range);
  out["time_step_scale"] = shortest(config.time_step_scale);
  out["time_step_min"] = shortest(config.time_step_min);
  out["time_step_max"] = shortest(config.time_step_max);
  out["time_step_floor"] = shortest(config.time_step_floor);
  out["time_step_init_scheme"] = config.time_step_constant ? "constant" : "random";
  out["rescale_prenorm_residual"] = config.rescale_prenorm_residual;
  out["use_cache"] = true;
  return out.dump(2) + "\n";
}

void ModelConfig::validate() const {
  if (const auto problem = problem_of(*this)) fail(ErrorCode::invalid_argument, "[config] {}", *problem);
}

int64_t ModelConfig::parameters() const noexcept {
  const int64_t mixer = 2 * d_inner * d_model + d_inner * d_conv + (dt_rank + 2 * d_state) * d_inner +
                        d_inner * dt_rank + d_inner + d_inner * d_state + d_inner + d_model * d_inner;
  const int64_t biases = (use_bias ? 2 * d_inner + d_model : 0) + (use_conv_bias ? d_inner : 0);
  return (tied_embeddings ? 1 : 2) * vocab_size * d_model + n_layer * (d_model + mixer + biases) + d_model;
}

int64_t ModelConfig::state_bytes() const noexcept {
  return n_layer * d_inner * (d_conv - 1 + d_state) * static_cast<int64_t>(sizeof(float));
}

}  // namespace saker
