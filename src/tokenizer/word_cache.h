// Words and their ids, kept from one text to the next. A table in which a new word takes the place of an old one: what
// is there is right, what is not is computed again.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace saker {

class WordCache {
 public:
  static constexpr size_t longest_word = 23;  // bytes
  static constexpr size_t most_ids = 9;

  // A word of 1 to longest_word bytes, padded with zeros, its length in the last byte.
  struct Key {
    uint64_t a, b, c;
    bool operator==(const Key&) const = default;
  };
  // One cache line.
  struct alignas(64) Entry {
    Key key;
    int32_t count;
    std::array<int32_t, most_ids> ids;
  };

  WordCache() : entries_(std::make_unique<Entry[]>(size)) {}

  static Key key(std::string_view word) noexcept {
    const size_t n = word.size();
    const char* w = word.data();
    const uint64_t length = static_cast<uint64_t>(n) << 56;
    if (n <= 8) return {up_to_8(w, n), 0, length};
    if (n <= 16) return {load(w), tail(w, n, 16), length};
    return {load(w), load(w + 8), tail(w, n, 24) | length};
  }

  // The place of a word: its entry if `entry.key == key`, else another word's or an empty one.
  Entry& at(const Key& key) noexcept {
    const uint64_t mixed =
        (key.a * 0x9E3779B97F4A7C15u) ^ (key.b * 0xC2B2AE3D27D4EB4Fu) ^ (key.c * 0x165667B19E3779F9u);
    return entries_[(mixed ^ mixed >> 29) * 0x9E3779B97F4A7C15u >> (64 - size_bits)];
  }

 private:
  static constexpr int size_bits = 16;
  static constexpr size_t size = size_t{1} << size_bits;  // 4 MiB

  static uint64_t load(const char* at) noexcept {
    uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
  }
  // The bytes 8 or 16 to n of a word of `n` bytes, n within 8 of `end`: read with those before them, which fall out.
  static uint64_t tail(const char* word, size_t n, size_t end) noexcept { return load(word + n - 8) >> 8 * (end - n); }
  static uint64_t up_to_8(const char* word, size_t n) noexcept {
    if (n >= 4) {
      uint32_t low, high;
      std::memcpy(&low, word, 4);
      std::memcpy(&high, word + n - 4, 4);
      return n == 4 ? low : low | static_cast<uint64_t>(high) << 8 * (n - 4);
    }
    const auto byte = [&](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(word[i])) << 8 * i; };
    return byte(0) | byte(n / 2) | byte(n - 1);
  }

  std::unique_ptr<Entry[]> entries_;
};

}  // namespace saker
