// A file of tokens with the borders of its documents. docs/formats/token-shards.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <vector>

#include "data/manifest.h"
#include "io/mapped_file.h"

namespace saker {

// The tokens of one document within a shard, two or four bytes each.
class DocumentTokens {
 public:
  DocumentTokens(const std::byte* data, int64_t size, int64_t width) noexcept
      : data_(data), size_(size), width_(width) {}

  int64_t size() const noexcept { return size_; }
  int32_t operator[](int64_t i) const noexcept {
    if (width_ == 2) return load<uint16_t>(i);
    return static_cast<int32_t>(load<uint32_t>(i));
  }

 private:
  template <class Word>
  Word load(int64_t i) const noexcept {
    Word word;
    std::memcpy(&word, data_ + i * static_cast<int64_t>(sizeof(Word)), sizeof(Word));
    return word;
  }

  const std::byte* data_;
  int64_t size_, width_;
};

class TokenShard {
 public:
  // Throws not_found, and corrupt_data unless size and header are what `manifest` and `entry` say and the borders
  // are in order.
  TokenShard(const std::filesystem::path& folder, const Manifest& manifest, const ShardEntry& entry);

  int64_t documents() const noexcept { return documents_; }
  DocumentTokens document(int64_t index) const noexcept {
    const int64_t begin = index == 0 ? 0 : end(index - 1);
    return {tokens_ + begin * width_, end(index) - begin, width_};
  }
  // Reads all of it. Throws corrupt_data.
  void verify() const;

 private:
  int64_t end(int64_t document) const noexcept;

  MappedFile file_;
  uint64_t checksum_;
  int64_t documents_, width_;
  const std::byte *ends_, *tokens_;
};

// Documents that will be a shard.
class ShardBuilder {
 public:
  explicit ShardBuilder(int64_t token_bytes) : width_(token_bytes) {}

  void add(std::span<const int32_t> ids, int64_t text_bytes);
  int64_t documents() const noexcept { return static_cast<int64_t>(ends_.size()); }
  int64_t tokens() const noexcept { return ends_.empty() ? 0 : static_cast<int64_t>(ends_.back()); }
  // Writes `file` in `folder` atomically and begins anew. Throws io.
  ShardEntry write(const std::filesystem::path& folder, const std::string& file, uint64_t tokenizer);

 private:
  int64_t width_, text_bytes_ = 0;
  std::vector<uint64_t> ends_;
  std::vector<std::byte> tokens_;
};

}  // namespace saker
