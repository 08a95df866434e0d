// From tokens back to text.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace saker {

class Decoder {
 public:
  Decoder() = default;

  // null, ByteLevel, Fuse, or a Sequence of ByteLevel at most once, first, and Fuse. Throws Error for any other.
  static Decoder from_json(const nlohmann::json& value);

  // Appends the bytes for which a token stands, where the whole text is their concatenation. Byte-level tokens are
  // bytes of UTF-8, not always whole characters; a token with a character outside the byte alphabet is its own text.
  void append_bytes(std::string_view token, std::string& out) const;

  // What stands between two tokens.
  std::string_view separator() const noexcept { return separator_; }

 private:
  void add(const nlohmann::json& value, int depth);

  bool byte_level_ = false;
  bool seen_any_ = false;
  std::string_view separator_ = " ";  // the reference library's way of printing tokens that it cannot decode
};

}  // namespace saker
