// What is put around the ids of a text.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <variant>
#include <vector>

namespace saker {

class PostProcessor {
 public:
  PostProcessor() = default;

  // null, ByteLevel (which changes offsets only), TemplateProcessing, or a Sequence of these with one template at most.
  // Throws Error for any other. Ids of the template must be below `id_end`.
  static PostProcessor from_json(const nlohmann::json& value, int32_t id_end);

  // Whether apply() returns the ids as they are.
  bool is_identity(bool add_special_tokens) const noexcept;

  // Appends `ids` in their template; without special tokens if `add_special_tokens` is false.
  void apply(std::span<const int32_t> ids, bool add_special_tokens, std::vector<int32_t>& out) const;

 private:
  struct Text {};
  using SpecialIds = std::vector<int32_t>;
  using Piece = std::variant<Text, SpecialIds>;

  void add(const nlohmann::json& value, int32_t id_end, int depth);
  void read_template(const nlohmann::json& value, int32_t id_end);

  std::vector<Piece> template_ = {Text{}};
  bool has_template_ = false;
};

}  // namespace saker
