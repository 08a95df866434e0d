#include "data/token_dataset.h"

#include <algorithm>

#include "core/error.h"
#include "io/checksum.h"
#include "io/read_file.h"

namespace saker {

namespace {

uint64_t fingerprint_of(std::string_view text) noexcept {
  return checksum(std::as_bytes(std::span(text)));
}

void add(Checksum& sum, std::string_view text) noexcept {
  const uint64_t size = text.size();
  sum.update(&size, sizeof(size));
  sum.update(text.data(), text.size());
}

uint64_t fingerprint_of(const Manifest& manifest) {
  Checksum sum;
  sum.update(&manifest.tokenizer, sizeof(manifest.tokenizer));
  sum.update(&manifest.end_of_text, sizeof(manifest.end_of_text));
  for (const SourceEntry& source : manifest.sources) {
    add(sum, source.name);
    for (const ShardEntry& shard : source.shards) sum.update(&shard.checksum, sizeof(shard.checksum));
  }
  return sum.value();
}

}  // namespace

TokenDataset::TokenDataset(const std::filesystem::path& folder, Verify verify)
    : folder_(folder),
      manifest_(read_manifest(folder)),
      tokenizer_json_(read_file(folder / "tokenizer.json")),
      fingerprint_(fingerprint_of(manifest_)) {
  SAKER_CHECK(fingerprint_of(tokenizer_json_) == manifest_.tokenizer, ErrorCode::corrupt_data,
              "[data] {}: expected the tokenizer that the shards were made with, found another",
              (folder / "tokenizer.json").string());
  sources_.reserve(manifest_.sources.size());
  for (const SourceEntry& entry : manifest_.sources) open_source(entry, verify);
}

void TokenDataset::open_source(const SourceEntry& entry, Verify verify) {
  SAKER_CHECK(entry.complete, ErrorCode::invalid_argument,
              "[data] {}: expected all of source {}, found that preparing it did not finish; saker data prepare "
              "--resume goes on with it",
              folder_.string(), saker::quoted(entry.name));
  Source& source = sources_.emplace_back();
  for (const ShardEntry& shard : entry.shards) {
    source.shards.emplace_back(folder_, manifest_, shard);
    if (verify == Verify::checksums) source.shards.back().verify();
    source.documents += shard.documents;
    source.ends.push_back(source.documents);
  }
}

void TokenDataset::expect_tokenizer(std::string_view json, std::string_view from) const {
  SAKER_CHECK(fingerprint_of(json) == manifest_.tokenizer, ErrorCode::invalid_argument,
              "[data] {}: expected the tokenizer of {}, found another: its tokens mean something else", from,
              folder_.string());
}

int32_t TokenDataset::find(std::string_view source) const {
  std::string names;
  for (size_t i = 0; i < manifest_.sources.size(); ++i) {
    if (manifest_.sources[i].name == source) return static_cast<int32_t>(i);
    names += (i ? ", " : "") + manifest_.sources[i].name;
  }
  fail(ErrorCode::not_found, "[data] {}: expected one of its sources ({}), found {}", folder_.string(), names,
       saker::quoted(source));
}

DocumentTokens TokenDataset::tokens(int32_t source, int64_t document) const noexcept {
  const Source& from = sources_[static_cast<size_t>(source)];
  const auto shard = static_cast<size_t>(std::ranges::upper_bound(from.ends, document) - from.ends.begin());
  return from.shards[shard].document(document - (shard == 0 ? 0 : from.ends[shard - 1]));
}

}  // namespace saker
