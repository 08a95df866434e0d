#include "data/manifest.h"

#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "io/atomic_file.h"
#include "io/checksum.h"
#include "io/json.h"
#include "io/json_fields.h"
#include "io/read_file.h"

namespace saker {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kName = "manifest.json";
constexpr const char* kFormat = "saker-tokens-1";

uint64_t read_checksum(const JsonFields& fields, const char* key) {
  const std::string text = fields.text(key, "");
  const std::optional<uint64_t> value = checksum_from_text(text);
  if (!value)
    fields.refuse(ErrorCode::corrupt_data, "expected {} to be 16 hexadecimal digits, found {}", key,
                  saker::quoted(text));
  return *value;
}

int64_t read_count(const JsonFields& fields, const char* key) {
  const int64_t value = fields.integer(key, -1);
  constexpr int64_t kMost = int64_t{1} << 48;  // sums of them do not overflow
  if (value < 0 || value > kMost)
    fields.refuse(ErrorCode::corrupt_data, "expected {} to be an integer from 0 to 2^48", key);
  return value;
}

// A name of a file within the folder.
std::string read_name(const JsonFields& fields, const char* key) {
  const std::string name = fields.text(key, "");
  if (name.empty() || name.find('/') != std::string::npos || name == "." || name == "..")
    fields.refuse(ErrorCode::corrupt_data, "expected {} to be a file's name, found {}", key, saker::quoted(name));
  return name;
}

template <class Visit>
void for_each_member(const JsonFields& fields, const char* key, const std::string& from, const Visit& visit) {
  const auto it = fields.value().find(key);
  if (it == fields.value().end() || !it->is_array())
    fields.refuse(ErrorCode::corrupt_data, "expected {} to be an array", key);
  for (const json& member : *it) visit(JsonFields(member, "data", from));
}

int64_t sum(const std::vector<ShardEntry>& shards, int64_t ShardEntry::*member) noexcept {
  int64_t total = 0;
  for (const ShardEntry& shard : shards) total += shard.*member;
  return total;
}

SourceEntry read_source(const JsonFields& fields, const std::string& from) {
  SourceEntry source;
  source.name = fields.text("name", "");
  source.complete = fields.boolean("complete", false);
  for_each_member(fields, "inputs", from, [&](const JsonFields& input) {
    source.inputs.push_back({input.text("name", ""), read_count(input, "bytes")});
  });
  for_each_member(fields, "shards", from, [&](const JsonFields& shard) {
    source.shards.push_back({read_name(shard, "file"), read_count(shard, "documents"), read_count(shard, "tokens"),
                             read_count(shard, "bytes"), read_checksum(shard, "checksum")});
  });
  const JsonFields skipped = fields.object("skipped_lines");
  for (const LineFault fault : kLineFaults)
    if (const std::string key(name(fault)); skipped.has(key.c_str()))
      source.skipped_lines[fault] = read_count(skipped, key.c_str());
  return source;
}

ordered_json to_json(const SourceEntry& source) {
  ordered_json inputs = ordered_json::array(), shards = ordered_json::array();
  for (const InputEntry& input : source.inputs) inputs.push_back({{"name", input.name}, {"bytes", input.bytes}});
  for (const ShardEntry& shard : source.shards)
    shards.push_back({{"file", shard.file},
                      {"documents", shard.documents},
                      {"tokens", shard.tokens},
                      {"bytes", shard.bytes},
                      {"checksum", checksum_text(shard.checksum)}});
  ordered_json out{{"name", source.name},       {"complete", source.complete}, {"documents", source.documents()},
                   {"tokens", source.tokens()}, {"bytes", source.bytes()},     {"inputs", inputs},
                   {"shards", shards}};
  for (const LineFault fault : kLineFaults)
    if (source.skipped_lines[fault] > 0) out["skipped_lines"][std::string(name(fault))] = source.skipped_lines[fault];
  return out;
}

}  // namespace

int64_t SourceEntry::documents() const noexcept {
  return sum(shards, &ShardEntry::documents);
}
int64_t SourceEntry::tokens() const noexcept {
  return sum(shards, &ShardEntry::tokens);
}
int64_t SourceEntry::bytes() const noexcept {
  return sum(shards, &ShardEntry::bytes);
}

bool has_manifest(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder / kName, ignored);
}

Manifest read_manifest(const std::filesystem::path& folder) {
  SAKER_CHECK(has_manifest(folder), ErrorCode::not_found,
              "[data] {}: expected a folder made by saker data prepare, found no manifest.json", folder.string());
  const std::string from = folder / kName;
  const json document = parse_json(read_file(from), "data", from);
  const JsonFields fields(document, "data", from);
  SAKER_CHECK(fields.is_text("format", kFormat), ErrorCode::corrupt_data,
              "[data] {}: expected format {}, found another", from, kFormat);
  const JsonFields tokenizer = fields.object("tokenizer"), settings = fields.object("settings");
  Manifest manifest;
  manifest.tokenizer = read_checksum(tokenizer, "fingerprint");
  manifest.vocab_size = tokenizer.extent("vocab_size", 0);
  manifest.end_of_text = tokenizer.token_id("end_of_text", -1);
  SAKER_CHECK(manifest.end_of_text >= 0 && manifest.end_of_text < manifest.vocab_size, ErrorCode::corrupt_data,
              "[data] {}: expected end_of_text to be a token of the vocabulary, found {}", from, manifest.end_of_text);
  manifest.settings = {settings.text("text_field", "text"), read_count(settings, "shard_tokens"),
                       read_count(settings, "max_bytes")};
  std::set<std::string> names;
  for_each_member(fields, "sources", from, [&](const JsonFields& source) {
    manifest.sources.push_back(read_source(source, from));
    if (!names.insert(manifest.sources.back().name).second)
      source.refuse(ErrorCode::corrupt_data, "the source {} appears twice",
                    saker::quoted(manifest.sources.back().name));
  });
  return manifest;
}

void write_manifest(const std::filesystem::path& folder, const Manifest& manifest) {
  ordered_json sources = ordered_json::array();
  for (const SourceEntry& source : manifest.sources) sources.push_back(to_json(source));
  const ordered_json document{{"format", kFormat},
                              {"tokenizer",
                               {{"fingerprint", checksum_text(manifest.tokenizer)},
                                {"vocab_size", manifest.vocab_size},
                                {"end_of_text", manifest.end_of_text}}},
                              {"settings",
                               {{"text_field", manifest.settings.text_field},
                                {"shard_tokens", manifest.settings.shard_tokens},
                                {"max_bytes", manifest.settings.max_bytes}}},
                              {"sources", sources}};
  replace_file(folder / kName, document.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
}

}  // namespace saker
