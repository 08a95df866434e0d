#include "tokenizer/pattern.h"

#include <nlohmann/json.hpp>

#include "tokenizer/json_fields.h"

namespace saker {

Pattern Pattern::from_json(const nlohmann::json& value, std::string_view stage) {
  const JsonObject object(value, stage);
  object.allow_only({"String", "Regex"});
  if (object.has("Regex")) {
    std::string source = object.string("Regex");
    Regex regex(source);
    return Pattern(std::move(regex), std::move(source));
  }
  std::string literal = object.string("String");
  if (literal.empty()) return Pattern(Regex(""));  // matches between any two characters, as an expression would
  return Pattern(std::move(literal));
}

std::vector<TextSegment> Pattern::segments(std::string_view text) const {
  if (const auto* literal = std::get_if<std::string>(&finder_)) return literal_segments(text, *literal);
  return std::get<Regex>(finder_).segments(text);
}

}  // namespace saker
