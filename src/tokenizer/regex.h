// A regular expression of a tokenizer.json: Oniguruma's syntax over UTF-8, as in the reference library.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "tokenizer/split.h"

struct re_pattern_buffer;

namespace saker {

class Regex {
 public:
  // `pattern` must be valid UTF-8. Throws Error (corrupt_data) if it is no expression that Oniguruma takes.
  explicit Regex(std::string_view pattern);

  // Cuts `text` (valid UTF-8) into the matches, from left to right, and what lies between them. Matches may be empty.
  // Throws Error (unsupported) if a match takes more steps or memory than a sane expression needs: the expression may
  // come from a file that nobody checked.
  std::vector<TextSegment> segments(std::string_view text) const;

 private:
  struct Free {
    void operator()(re_pattern_buffer* compiled) const noexcept;
  };
  std::unique_ptr<re_pattern_buffer, Free> compiled_;
};

}  // namespace saker
