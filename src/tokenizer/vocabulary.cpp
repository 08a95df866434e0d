#include "tokenizer/vocabulary.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tokenizer/json_fields.h"

namespace saker {

Vocabulary Vocabulary::from_json(const nlohmann::json& value) {
  SAKER_CHECK(value.is_object(), ErrorCode::corrupt_data, "[tokenizer] model: \"vocab\": expected an object, found {}",
              value.type_name());
  Vocabulary vocabulary;
  vocabulary.ids_.reserve(value.size());
  for (const auto& [token, id_value] : value.items()) {
    const int id = token_id_from_json(id_value, "model: \"vocab\"");
    auto& tokens = vocabulary.tokens_;
    if (static_cast<size_t>(id) >= tokens.size()) tokens.resize(std::max<size_t>(id + size_t{1}, value.size()));
    SAKER_CHECK(!tokens[id], ErrorCode::corrupt_data, "[tokenizer] model: id {} belongs to {} and to {}", id,
                saker::quoted(*tokens[id]), saker::quoted(token));
    tokens[id] = std::make_unique<const std::string>(token);
    vocabulary.ids_.emplace(*tokens[id], id);
  }
  while (!vocabulary.tokens_.empty() && !vocabulary.tokens_.back()) vocabulary.tokens_.pop_back();
  return vocabulary;
}

std::optional<int32_t> Vocabulary::id(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

const std::string* Vocabulary::token(int64_t id) const noexcept {
  return id >= 0 && id < id_end() ? tokens_[static_cast<size_t>(id)].get() : nullptr;
}

}  // namespace saker
