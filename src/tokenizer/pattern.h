// What Split and Replace look for: a literal or a regular expression.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tokenizer/regex.h"
#include "tokenizer/split.h"

namespace saker {

class Pattern {
 public:
  // {"String": "..."} or {"Regex": "..."}; `stage` names the owner in errors.
  static Pattern from_json(const nlohmann::json& value, std::string_view stage);

  std::vector<TextSegment> segments(std::string_view text) const;

  // The expression's source; empty for a literal.
  const std::string& regex_source() const noexcept { return regex_source_; }

 private:
  explicit Pattern(std::variant<std::string, Regex> finder, std::string regex_source = "")
      : finder_(std::move(finder)), regex_source_(std::move(regex_source)) {}

  std::variant<std::string, Regex> finder_;
  std::string regex_source_;
};

}  // namespace saker
