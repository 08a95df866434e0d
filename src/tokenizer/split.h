// Cutting a text at delimiters, and what becomes of the delimiters.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace saker {

struct Span {
  size_t begin, end;  // bytes
  bool operator==(const Span&) const = default;
};

struct TextSegment {
  Span span;
  bool is_delimiter;
};

// "the-final--countdown" cut at "-":
enum class SplitBehavior {
  removed,               // the final countdown
  isolated,              // the - final - - countdown
  merged_with_previous,  // the- final- - countdown
  merged_with_next,      // the -final - -countdown
  contiguous,            // the - final -- countdown
};

// Applies the behaviour to segments that cover a text from left to right. Spans may be empty.
std::vector<Span> split(const std::vector<TextSegment>& segments, SplitBehavior behavior);

// The occurrences of `literal` (not empty) in `text`, from left to right without overlap, and what lies between.
std::vector<TextSegment> literal_segments(std::string_view text, std::string_view literal);

// Each character for which `is_delimiter(char32_t)` holds, and what lies between.
using CharacterPredicate = bool (*)(char32_t);
std::vector<TextSegment> character_segments(std::string_view text, CharacterPredicate is_delimiter);

}  // namespace saker
