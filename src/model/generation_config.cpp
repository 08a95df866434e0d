#include "model/generation_config.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/json.h"
#include "io/json_fields.h"
#include "io/read_file.h"

namespace saker {

namespace {

constexpr const char* kFile = "generation_config.json";
constexpr uint64_t kMaxBytes = 16 << 20;

std::optional<double> number(const JsonFields& fields, const char* key, double min, double max) {
  if (!fields.has(key)) return std::nullopt;
  return fields.number(key, 0, min, max);
}

std::optional<int64_t> count(const JsonFields& fields, const char* key, int64_t min) {
  if (!fields.has(key)) return std::nullopt;
  const int64_t value = fields.integer(key, 0);
  if (value < min) fields.refuse(ErrorCode::corrupt_data, "expected {} from {}, found {}", key, min, value);
  return value;
}

}  // namespace

GenerationConfig parse_generation_config(std::string_view json, const ModelConfig& config, std::string_view from) {
  const nlohmann::json root = parse_json(json, "config", from);
  const JsonFields fields(root, "config", from);
  GenerationConfig out{config.bos_token_id, config.eos_token_ids, config.pad_token_id, {}, {}, {}, {}, {}, {}, {}, {}};
  if (fields.has("bos_token_id")) out.bos_token_id = fields.token_id("bos_token_id", -1);
  if (fields.has("eos_token_id")) out.eos_token_ids = fields.token_ids("eos_token_id", {});
  if (fields.has("pad_token_id")) out.pad_token_id = fields.token_id("pad_token_id", -1);
  if (fields.has("do_sample")) out.do_sample = fields.boolean("do_sample", false);
  out.temperature = number(fields, "temperature", 0.0, 1e6);
  out.top_p = number(fields, "top_p", 0.0, 1.0);
  out.min_p = number(fields, "min_p", 0.0, 1.0);
  out.typical_p = number(fields, "typical_p", 0.0, 1.0);
  out.repetition_penalty = number(fields, "repetition_penalty", 1e-6, 1e6);
  out.top_k = count(fields, "top_k", 0);
  out.max_new_tokens = count(fields, "max_new_tokens", 1);
  return out;
}

GenerationConfig load_generation_config(const std::filesystem::path& folder, const ModelConfig& config) {
  const std::filesystem::path path = folder / kFile;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return parse_generation_config("{}", config, kFile);
  return parse_generation_config(read_file(path, kMaxBytes), config, saker::quoted(path.native(), 400));
}

std::string write_generation_config(const ModelConfig& config) {
  nlohmann::ordered_json out;
  out["_from_model_config"] = true;
  if (config.bos_token_id >= 0) out["bos_token_id"] = config.bos_token_id;
  if (config.eos_token_ids.size() == 1) out["eos_token_id"] = config.eos_token_ids.front();
  if (config.eos_token_ids.size() > 1) out["eos_token_id"] = config.eos_token_ids;
  if (config.pad_token_id >= 0) out["pad_token_id"] = config.pad_token_id;
  return out.dump(2) + "\n";
}

}  // namespace saker
