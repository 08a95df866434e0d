// The tokens of the model: text to id and back.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace saker {

class Vocabulary {
 public:
  // {"token": id, ...}. Ids may leave holes; two tokens with one id are an error.
  static Vocabulary from_json(const nlohmann::json& value);

  std::optional<int32_t> id(std::string_view token) const;

  // nullptr if no token has the id. Any integer may be asked for.
  const std::string* token(int64_t id) const noexcept;

  // Number of tokens; one more than the highest id.
  size_t size() const noexcept { return ids_.size(); }
  int32_t id_end() const noexcept { return static_cast<int32_t>(tokens_.size()); }

 private:
  std::vector<std::unique_ptr<const std::string>> tokens_;  // [id], null in holes; unique_ptr keeps the keys in place
  std::unordered_map<std::string_view, int32_t> ids_;
};

}  // namespace saker
