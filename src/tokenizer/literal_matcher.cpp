#include "tokenizer/literal_matcher.h"

#include <algorithm>

namespace saker {

LiteralMatcher::LiteralMatcher(Literals literals) {
  std::ranges::sort(literals);
  nodes_.emplace_back();
  build(0, literals.begin(), literals.end(), 0);
  for (uint32_t i = 0; i < nodes_[0].children; ++i)
    root_children_[nodes_[nodes_[0].first_child + i].byte] = nodes_[0].first_child + i;
}

// [first, last): the sorted literals that share the path to `node`, which is `depth` bytes long. The recursion is as
// deep as the longest literal.
void LiteralMatcher::build(uint32_t node, Literals::const_iterator first, Literals::const_iterator last, size_t depth) {
  if (first != last && first->first.size() == depth) nodes_[node].value = (first++)->second;
  const auto end_of_child = [&](Literals::const_iterator from) {
    return std::find_if(from, last, [&](const auto& literal) { return literal.first[depth] != from->first[depth]; });
  };
  const auto first_child = static_cast<uint32_t>(nodes_.size());
  for (auto child = first; child != last; child = end_of_child(child))
    nodes_.emplace_back().byte = static_cast<unsigned char>(child->first[depth]);
  nodes_[node].first_child = first_child;
  nodes_[node].children = static_cast<uint16_t>(nodes_.size() - first_child);
  uint32_t index = first_child;
  for (auto child = first; child != last; ++index) {
    const auto end = end_of_child(child);
    build(index, child, end, depth + 1);
    child = end;
  }
}

bool LiteralMatcher::find(std::string_view text, size_t from, Match& match) const noexcept {
  const auto byte_at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  for (size_t begin = from; begin < text.size(); ++begin) {
    uint32_t node = root_children_[byte_at(begin)];
    if (node == 0) continue;
    match.value = nodes_[node].value;
    match.end = begin + 1;
    for (size_t i = begin + 1; i < text.size(); ++i) {
      const auto children = nodes_.begin() + nodes_[node].first_child;
      const auto end = children + nodes_[node].children;
      const auto child = std::find_if(children, end, [&](const Node& c) { return c.byte >= byte_at(i); });
      if (child == end || child->byte != byte_at(i)) break;
      node = static_cast<uint32_t>(child - nodes_.begin());
      if (nodes_[node].value >= 0) match = {begin, i + 1, nodes_[node].value};
    }
    match.begin = begin;
    if (match.value >= 0) return true;
  }
  return false;
}

}  // namespace saker
