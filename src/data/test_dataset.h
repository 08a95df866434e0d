// For tests only: a folder of shards whose documents have given lengths and tokens that tell where they are.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/temporary_folder.h"
#include "data/manifest.h"
#include "data/token_shard.h"
#include "io/checksum.h"

namespace saker {

constexpr int32_t kTestEndOfText = 0;

// Token i of document d of source s; never the end of text.
inline int32_t test_token(size_t source, size_t document, int64_t i) {
  return static_cast<int32_t>(1 + source * 20000 + (document * 131 + static_cast<size_t>(i)) % 20000);
}

using TestSources = std::vector<std::pair<std::string, std::vector<int64_t>>>;  // name, lengths of documents

// At most `per_shard` documents in a shard.
inline void write_test_dataset(const TemporaryFolder& folder, const TestSources& sources, int64_t per_shard = 7,
                               int64_t vocab_size = 65536) {
  const std::string tokenizer = "{}";
  folder.write("tokenizer.json", tokenizer);
  Manifest manifest{checksum(std::as_bytes(std::span(tokenizer))), vocab_size, kTestEndOfText, {}, {}};
  for (size_t s = 0; s < sources.size(); ++s) {
    const auto& [name, lengths] = sources[s];
    SourceEntry& entry = manifest.sources.emplace_back(SourceEntry{name, {{name + ".jsonl", 0}}, true, {}});
    ShardBuilder shard(manifest.token_bytes());
    const auto finish = [&] {
      const std::string file = fmt::format("{}-{:05}.tokens", name, entry.shards.size());
      entry.shards.push_back(shard.write(folder.path(), file, manifest.tokenizer));
    };
    for (size_t d = 0; d < lengths.size(); ++d) {
      std::vector<int32_t> ids(static_cast<size_t>(lengths[d]));
      for (size_t i = 0; i < ids.size(); ++i) ids[i] = test_token(s, d, static_cast<int64_t>(i));
      shard.add(ids, 4 * lengths[d]);
      if (shard.documents() == per_shard) finish();
    }
    if (shard.documents() > 0) finish();
  }
  write_manifest(folder.path(), manifest);
}

}  // namespace saker
