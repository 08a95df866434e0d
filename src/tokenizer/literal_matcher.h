// Finds the longest of many literals that begins at a place.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace saker {

class LiteralMatcher {
 public:
  struct Match {
    size_t begin, end;  // bytes
    int32_t value;
  };

  LiteralMatcher() = default;
  // Literal -> value. Literals must be distinct and not empty.
  explicit LiteralMatcher(std::vector<std::pair<std::string, int32_t>> literals);

  bool empty() const noexcept { return nodes_.size() <= 1; }

  // The leftmost match at or after `from`, the longest there; false if there is none.
  // Cost: length of the text times length of the longest literal at worst.
  bool find(std::string_view text, size_t from, Match& match) const noexcept;

 private:
  // A trie. Node 0 is the root; a node's children stand together, in the order of their bytes.
  struct Node {
    int32_t value = -1;
    uint32_t first_child = 0;
    uint16_t children = 0;
    unsigned char byte = 0;
  };
  using Literals = std::vector<std::pair<std::string, int32_t>>;
  void build(uint32_t node, Literals::const_iterator first, Literals::const_iterator last, size_t depth);

  std::vector<Node> nodes_;
  std::array<uint32_t, 256> root_children_{};  // 0: no literal begins with the byte
};

}  // namespace saker
