#include "tokenizer/split.h"

#include <algorithm>

#include "tokenizer/utf8.h"

namespace saker {
namespace {

// Joins a segment to the one before it when `joins(segment, previous segment)`.
template <class Joins>
std::vector<Span> fold(const std::vector<TextSegment>& segments, Joins joins) {
  std::vector<Span> out;
  bool previous = false;
  for (const auto& [span, is_delimiter] : segments) {
    if (!out.empty() && joins(is_delimiter, previous))
      out.back().end = span.end;
    else
      out.push_back(span);
    previous = is_delimiter;
  }
  return out;
}

std::vector<Span> fold_backwards(const std::vector<TextSegment>& segments) {
  std::vector<Span> out;
  bool next = false;
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if (!out.empty() && segment->is_delimiter && !next)
      out.back().begin = segment->span.begin;
    else
      out.push_back(segment->span);
    next = segment->is_delimiter;
  }
  std::ranges::reverse(out);
  return out;
}

}  // namespace

std::vector<Span> split(const std::vector<TextSegment>& segments, SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::removed: {
      std::vector<Span> out;
      for (const auto& segment : segments)
        if (!segment.is_delimiter) out.push_back(segment.span);
      return out;
    }
    case SplitBehavior::isolated: return fold(segments, [](bool, bool) { return false; });
    case SplitBehavior::contiguous: return fold(segments, [](bool now, bool before) { return now == before; });
    case SplitBehavior::merged_with_previous:
      return fold(segments, [](bool now, bool before) { return now && !before; });
    case SplitBehavior::merged_with_next: return fold_backwards(segments);
  }
  return {};
}

std::vector<TextSegment> literal_segments(std::string_view text, std::string_view literal) {
  std::vector<TextSegment> out;
  size_t covered = 0;
  for (size_t at; (at = text.find(literal, covered)) != std::string_view::npos; covered = at + literal.size()) {
    if (at != covered) out.push_back({{covered, at}, false});
    out.push_back({{at, at + literal.size()}, true});
  }
  if (covered != text.size()) out.push_back({{covered, text.size()}, false});
  return out;
}

std::vector<TextSegment> character_segments(std::string_view text, CharacterPredicate is_delimiter) {
  std::vector<TextSegment> out;
  size_t covered = 0;
  for (size_t at = 0; at < text.size();) {
    const auto [c, length] = utf8::decode(text.data() + at);
    if (is_delimiter(c)) {
      if (at != covered) out.push_back({{covered, at}, false});
      out.push_back({{at, at + length}, true});
      covered = at + length;
    }
    at += length;
  }
  if (covered != text.size()) out.push_back({{covered, text.size()}, false});
  return out;
}

}  // namespace saker
