#include "tokenizer/json_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace saker {

using nlohmann::json;

JsonObject::JsonObject(const json& value, std::string_view stage) : value_(value), stage_(stage) {
  SAKER_CHECK(value.is_object(), ErrorCode::corrupt_data, "[tokenizer] {}: expected an object, found {}", stage,
              value.type_name());
}

void JsonObject::allow_only(std::initializer_list<std::string_view> fields) const {
  for (const auto& [name, ignored] : value_.items())
    SAKER_CHECK(std::ranges::find(fields, name) != fields.end(), ErrorCode::unsupported,
                "[tokenizer] {}: unknown field {}", stage_, saker::quoted(name));
}

bool JsonObject::has(std::string_view field) const {
  const auto found = value_.find(field);
  return found != value_.end() && !found->is_null();
}

const json& JsonObject::at(std::string_view field) const {
  const auto found = value_.find(field);
  SAKER_CHECK(found != value_.end(), ErrorCode::corrupt_data, "[tokenizer] {}: field \"{}\" is missing", stage_, field);
  return *found;
}

const json& JsonObject::array(std::string_view field) const {
  const json& value = at(field);
  SAKER_CHECK(value.is_array(), ErrorCode::corrupt_data, "[tokenizer] {}: \"{}\": expected an array, found {}", stage_,
              field, value.type_name());
  return value;
}

std::string JsonObject::string(std::string_view field) const {
  const json& value = at(field);
  SAKER_CHECK(value.is_string(), ErrorCode::corrupt_data, "[tokenizer] {}: \"{}\": expected a string, found {}", stage_,
              field, value.type_name());
  return value.get<std::string>();
}

std::string JsonObject::string_or(std::string_view field, std::string_view fallback) const {
  return has(field) ? string(field) : std::string(fallback);
}

bool JsonObject::boolean(std::string_view field) const {
  const json& value = at(field);
  SAKER_CHECK(value.is_boolean(), ErrorCode::corrupt_data, "[tokenizer] {}: \"{}\": expected true or false, found {}",
              stage_, field, value.type_name());
  return value.get<bool>();
}

bool JsonObject::boolean_or(std::string_view field, bool fallback) const {
  return has(field) ? boolean(field) : fallback;
}

int token_id_from_json(const json& value, std::string_view stage) {
  const bool good = value.is_number_integer() && (value.is_number_unsigned() || value.get<int64_t>() >= 0) &&
                    value.get<uint64_t>() < uint64_t{token_id_limit};
  SAKER_CHECK(good, ErrorCode::corrupt_data, "[tokenizer] {}: expected a token id below {}, found {}", stage,
              token_id_limit, value.is_number() ? value.dump() : value.type_name());
  return value.get<int>();
}

void check_sequence_depth(int depth) {
  SAKER_CHECK(depth <= sequence_depth_limit, ErrorCode::unsupported, "[tokenizer] Sequence: nested deeper than {}",
              sequence_depth_limit);
}

}  // namespace saker
