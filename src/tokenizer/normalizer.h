// What happens to a text before it is cut: Unicode normal forms and replacements.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tokenizer/pattern.h"

namespace saker {

struct UnicodeForm {
  bool compose;        // NFC, NFKC
  bool compatibility;  // NFKC, NFKD
};
struct Replacement {
  Pattern pattern;
  std::string content;
};
struct Prefix {
  std::string text;  // put before a text that is not empty
};
struct Lowercase {};

class Normalizer {
 public:
  Normalizer() = default;

  // null, NFC, NFD, NFKC, NFKD, Replace, Prepend, Lowercase, or a Sequence of these. Throws Error for any other.
  static Normalizer from_json(const nlohmann::json& value);

  bool empty() const noexcept { return steps_.empty(); }

  // The normal form of `text` (valid UTF-8). The view is into `text` or into `buffer`.
  std::string_view apply(std::string_view text, std::string& buffer) const;

 private:
  using Step = std::variant<UnicodeForm, Replacement, Prefix, Lowercase>;
  void add(const nlohmann::json& value, int depth);

  std::vector<Step> steps_;
};

}  // namespace saker
