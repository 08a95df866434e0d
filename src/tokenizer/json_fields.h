// Reading the stages of a tokenizer.json: every field is checked, an unknown one is an error. A stage that means more
// than we know must not be taken for one that we know.
#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace saker {

// A view of a JSON object. The functions throw Error (corrupt_data, or unsupported for unknown fields) that names
// `stage` and the field.
class JsonObject {
 public:
  JsonObject(const nlohmann::json& value, std::string_view stage);

  void allow_only(std::initializer_list<std::string_view> fields) const;

  bool has(std::string_view field) const;  // present and not null
  const nlohmann::json& at(std::string_view field) const;
  const nlohmann::json& array(std::string_view field) const;
  std::string string(std::string_view field) const;
  std::string string_or(std::string_view field, std::string_view fallback) const;
  bool boolean(std::string_view field) const;
  bool boolean_or(std::string_view field, bool fallback) const;

  std::string_view stage() const noexcept { return stage_; }

 private:
  const nlohmann::json& value_;
  std::string_view stage_;
};

// A token's id. Throws unless it is an integer of [0, token_id_limit).
inline constexpr int token_id_limit = 1 << 22;
int token_id_from_json(const nlohmann::json& value, std::string_view stage);

// How deep one Sequence may lie in another.
inline constexpr int sequence_depth_limit = 16;
void check_sequence_depth(int depth);

}  // namespace saker
