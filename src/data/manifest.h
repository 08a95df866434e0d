// manifest.json of a folder of token shards: what is in it, and how it was made. docs/formats/token-shards.md
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/line_faults.h"

namespace saker {

struct ShardEntry {
  std::string file;  // within the folder
  int64_t documents, tokens;
  int64_t bytes;      // of the texts in UTF-8
  uint64_t checksum;  // of the payload
  bool operator==(const ShardEntry&) const = default;
};

struct InputEntry {
  std::string name;  // of the file, without its folder; "-": standard input
  int64_t bytes;     // of the file as it is stored; 0: unknown
  bool operator==(const InputEntry&) const = default;
};

struct SourceEntry {
  std::string name;
  std::vector<InputEntry> inputs;
  bool complete = false;  // all documents of the inputs are in the shards
  std::vector<ShardEntry> shards;
  LineFaultCounts skipped_lines = {};  // once it is complete

  int64_t documents() const noexcept;
  int64_t tokens() const noexcept;  // of the texts, without separators
  int64_t bytes() const noexcept;
};

// What decides, beside the inputs, which bytes are written.
struct ShardSettings {
  std::string text_field = "text";          // of JSON Lines
  int64_t shard_tokens = int64_t{1} << 25;  // a shard ends with the document that reaches it
  int64_t max_bytes = 0;                    // text taken of each input, whole documents; 0: all
  bool operator==(const ShardSettings&) const = default;
};

struct Manifest {
  uint64_t tokenizer = 0;  // fingerprint: XXH3 of tokenizer.json
  int64_t vocab_size = 0;
  int32_t end_of_text = 0;
  ShardSettings settings;
  std::vector<SourceEntry> sources;

  // Bytes of a token in the shards.
  int64_t token_bytes() const noexcept { return vocab_size <= 65536 ? 2 : 4; }
};

bool has_manifest(const std::filesystem::path& folder);
// Throws not_found if the folder has none, corrupt_data naming the key that is wrong.
Manifest read_manifest(const std::filesystem::path& folder);
// Replaces it atomically. Throws io.
void write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

}  // namespace saker
