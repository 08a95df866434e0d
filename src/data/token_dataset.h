// A folder of token shards (saker data prepare), mapped into memory: any document of any source at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/manifest.h"
#include "data/token_shard.h"

namespace saker {

enum class Verify { sizes, checksums };

// Immutable: every function may be called from any number of threads at once.
class TokenDataset {
 public:
  // Throws not_found for a folder or shard that is not there, corrupt_data for one that is not what the manifest says
  // or (checksums: everything is read once) whose content has changed, invalid_argument if preparing did not finish.
  // Every message names the file.
  explicit TokenDataset(const std::filesystem::path& folder, Verify verify = Verify::checksums);

  const Manifest& manifest() const noexcept { return manifest_; }
  // tokenizer.json, as it was when the texts became tokens.
  const std::string& tokenizer_json() const noexcept { return tokenizer_json_; }
  // Throws invalid_argument unless `json` is that very file; `from` names it.
  void expect_tokenizer(std::string_view json, std::string_view from) const;
  // Of everything that decides what a document is: equal for folders with equal tokens.
  uint64_t fingerprint() const noexcept { return fingerprint_; }

  // Index of a source. Throws not_found with the names that there are.
  int32_t find(std::string_view source) const;
  int64_t documents(int32_t source) const noexcept { return sources_[static_cast<size_t>(source)].documents; }
  // The tokens of a document: of its text alone, without separators.
  int64_t length(int32_t source, int64_t document) const noexcept { return tokens(source, document).size(); }
  DocumentTokens tokens(int32_t source, int64_t document) const noexcept;

 private:
  struct Source {
    std::vector<TokenShard> shards;
    std::vector<int64_t> ends;  // documents of the shards up to and with each
    int64_t documents = 0;
  };

  void open_source(const SourceEntry& entry, Verify verify);

  std::filesystem::path folder_;
  Manifest manifest_;
  std::string tokenizer_json_;
  std::vector<Source> sources_;
  uint64_t fingerprint_ = 0;
};

}  // namespace saker
