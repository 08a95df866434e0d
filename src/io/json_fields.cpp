#include "io/json_fields.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "io/json.h"

namespace saker {

using nlohmann::json;

JsonFields::JsonFields(const json& object, std::string_view component, std::string_view from)
    : object_(object), component_(component), from_(from) {
  if (!object_.is_object()) refuse(ErrorCode::corrupt_data, "expected an object, found {}", json_kind(object_));
}

const json* JsonFields::find(const char* key) const {
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

void JsonFields::wrong(const char* key, std::string_view expected, const json& found) const {
  const std::string value = found.is_primitive() ? saker::quoted(found.dump()) : std::string(json_kind(found));
  refuse(ErrorCode::corrupt_data, "expected {} to be {}, found {}", key, expected, value);
}

bool JsonFields::is_text(const char* key, std::string_view text) const {
  const json* value = find(key);
  return value && value->is_string() && value->get_ref<const std::string&>() == text;
}

int64_t JsonFields::integer(const char* key, int64_t standard) const {
  const json* value = find(key);
  if (!value) return standard;
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (!value->is_number_integer() || (value->is_number_unsigned() && value->get<uint64_t>() > kMax))
    wrong(key, "an integer", *value);
  return value->get<int64_t>();
}

int64_t JsonFields::extent(const char* key, int64_t standard) const {
  const int64_t value = integer(key, standard);
  if (value < 1 || value > std::numeric_limits<int32_t>::max()) wrong(key, "an integer from 1 to 2147483647", value);
  return value;
}

double JsonFields::number(const char* key, double standard, double min, double max) const {
  const json* value = find(key);
  if (!value) return standard;
  if (!value->is_number()) wrong(key, "a number", *value);
  const double number = value->get<double>();
  if (!(number >= min && number <= max)) wrong(key, fmt::format("a number from {} to {}", min, max), *value);
  return number;
}

bool JsonFields::boolean(const char* key, bool standard) const {
  const json* value = find(key);
  if (!value) return standard;
  if (!value->is_boolean()) wrong(key, "true or false", *value);
  return value->get<bool>();
}

std::string JsonFields::text(const char* key, std::string_view standard) const {
  const json* value = find(key);
  if (!value) return std::string(standard);
  if (!value->is_string()) wrong(key, "a string", *value);
  return value->get<std::string>();
}

int32_t JsonFields::id_of(const char* key, const json& value) const {
  if (value.is_number_integer() && value >= -1 && value <= std::numeric_limits<int32_t>::max())
    return value.get<int32_t>();
  wrong(key, "a token id", value);
}

int32_t JsonFields::token_id(const char* key, int32_t standard) const {
  const auto it = object_.find(key);
  if (it == object_.end()) return standard;
  return it->is_null() ? -1 : id_of(key, *it);
}

std::vector<int32_t> JsonFields::token_ids(const char* key, const std::vector<int32_t>& standard) const {
  const auto it = object_.find(key);
  if (it == object_.end()) return standard;
  std::vector<int32_t> ids;
  const auto add = [&](const json& value) {
    if (const int32_t id = id_of(key, value); id >= 0) ids.push_back(id);
  };
  if (it->is_array())
    for (const json& value : *it) add(value);
  else if (!it->is_null())
    add(*it);
  return ids;
}

JsonFields JsonFields::object(const char* key) const {
  static const json kEmpty = json::object();
  const json* value = find(key);
  if (!value) return {kEmpty, component_, from_};
  if (!value->is_object()) wrong(key, "an object", *value);
  return {*value, component_, from_};
}

}  // namespace saker
