#include "train/checkpoint_folder.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "io/checksum.h"
#include "io/json.h"
#include "io/json_fields.h"
#include "io/mapped_file.h"
#include "io/read_file.h"

namespace saker {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kManifest = "manifest.json";
constexpr const char* kFormat = "saker training checkpoint";
constexpr int64_t kVersion = 1;
constexpr std::string_view kStep = "step-";
constexpr uint64_t kMaxManifestBytes = 1 << 20;

std::string shown(const fs::path& path) {
  return saker::quoted(path.native(), 400);
}

std::string checksum_of(std::string_view text) {
  return checksum_text(checksum(std::as_bytes(std::span(text))));
}

struct Manifest {
  struct File {
    std::string name;
    int64_t bytes;
    std::string checksum;
  };
  int64_t step, tokens;
  std::vector<File> files;
};

Manifest parse_manifest(const JsonFields& fields) {
  Manifest manifest{fields.integer("step", -1), fields.integer("tokens", -1), {}};
  const JsonFields files = fields.object("files");
  for (const auto& [name, value] : files.value().items()) {
    const JsonFields file = files.object(name.c_str());
    manifest.files.push_back({name, file.integer("bytes", -1), file.text("xxh3", "")});
  }
  return manifest;
}

// Held against its own checksum.
Manifest read_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifest;
  const std::string from = shown(path);
  json manifest = parse_json(read_file(path, kMaxManifestBytes), "checkpoint", from);
  const JsonFields fields(manifest, "checkpoint", from);
  if (!fields.is_text("format", kFormat) || fields.integer("version", 0) != kVersion)
    fields.refuse(ErrorCode::unsupported, "expected format \"{}\", version {}", kFormat, kVersion);
  const std::string sum = fields.text("xxh3", "");
  manifest.erase("xxh3");
  SAKER_CHECK(checksum_of(manifest.dump()) == sum, ErrorCode::corrupt_data,
              "[checkpoint] {}: its checksum is not that of its content; the file is damaged", from);
  return parse_manifest(fields);
}

int64_t step_of_name(const std::string& name) {
  int64_t step = -1;
  if (name.starts_with(kStep)) std::from_chars(name.data() + kStep.size(), name.data() + name.size(), step);
  return step;
}

CheckpointEntry entry_of(const fs::path& path) {
  CheckpointEntry entry;
  entry.path = path;
  try {
    const Manifest manifest = read_manifest(path);
    entry.step = manifest.step;
    entry.tokens = manifest.tokens;
  } catch (const Error& error) {
    entry.problem = error.what();
    entry.step = step_of_name(path.filename().string());
  }
  return entry;
}

void verify_file(const fs::path& path, const Manifest::File& expected) {
  SAKER_CHECK(fs::is_regular_file(path), ErrorCode::corrupt_data, "[checkpoint] {} is missing", shown(path));
  const uint64_t bytes = fs::file_size(path);
  SAKER_CHECK(bytes == static_cast<uint64_t>(expected.bytes), ErrorCode::corrupt_data,
              "[checkpoint] {}: expected {} bytes, found {}; the file is damaged", shown(path), expected.bytes, bytes);
  const MappedFile file(path);
  SAKER_CHECK(checksum_text(checksum(file.bytes())) == expected.checksum, ErrorCode::corrupt_data,
              "[checkpoint] {}: its checksum is not that of the manifest; the file is damaged", shown(path));
}

std::string problem_of(const fs::path& path) {
  try {
    verify_checkpoint(path);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

void CheckpointFolderWriter::write_text(const std::string& name, std::string_view text) {
  replace_file(path_of(name), text);
  files_[name] = {{"bytes", text.size()}, {"xxh3", checksum_of(text)}};
}

void CheckpointFolderWriter::add(const std::string& name, const SafetensorsWriter& written) {
  files_[name] = {{"bytes", written.bytes()}, {"xxh3", checksum_text(written.checksum())}};
}

void CheckpointFolderWriter::commit(int64_t step, int64_t tokens) {
  json manifest = {{"format", kFormat}, {"version", kVersion}, {"step", step}, {"tokens", tokens}, {"files", files_}};
  manifest["xxh3"] = checksum_of(manifest.dump());
  replace_file(path_of(kManifest), manifest.dump(2) + "\n");
  folder_.commit();
}

std::vector<CheckpointEntry> list_checkpoints(const fs::path& folder) {
  std::vector<CheckpointEntry> found;
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, none))
    if (entry.path().extension() != ".unfinished" && fs::exists(entry.path() / kManifest))
      found.push_back(entry_of(entry.path()));
  // Of one step, the one with a name of its own first: both are the same.
  std::sort(found.begin(), found.end(), [](const CheckpointEntry& a, const CheckpointEntry& b) {
    return std::pair(a.step, a.path.native()) < std::pair(b.step, b.path.native());
  });
  return found;
}

void verify_checkpoint(const fs::path& path) {
  SAKER_CHECK(fs::exists(path / kManifest), ErrorCode::not_found,
              "[checkpoint] expected a checkpoint with a manifest.json, found none in {}", shown(path));
  for (const Manifest::File& file : read_manifest(path).files) verify_file(path / file.name, file);
}

fs::path newest_checkpoint(const fs::path& folder) {
  const std::vector<CheckpointEntry> entries = list_checkpoints(folder);
  SAKER_CHECK(!entries.empty(), ErrorCode::not_found, "[checkpoint] expected checkpoints, found none in {}",
              shown(folder));
  const std::string problem = problem_of(entries.back().path);
  if (problem.empty()) return entries.back().path;
  for (auto entry = entries.rbegin() + 1; entry != entries.rend(); ++entry)
    if (problem_of(entry->path).empty())
      fail(ErrorCode::corrupt_data, "{}; the one before, {}, is intact: --resume-from {} continues from there", problem,
           shown(entry->path), entry->path.string());
  fail(ErrorCode::corrupt_data, "{}; {} has no intact checkpoint", problem, shown(folder));
}

void rotate_checkpoints(const fs::path& folder, int64_t keep) {
  std::vector<CheckpointEntry> entries = list_checkpoints(folder);
  std::erase_if(entries,
                [](const CheckpointEntry& entry) { return !entry.path.filename().string().starts_with(kStep); });
  std::error_code ignored;
  for (size_t i = 0; i + static_cast<size_t>(keep) < entries.size(); ++i) {
    fs::remove(entries[i].path / kManifest, ignored);  // from here on it is none
    fs::remove_all(entries[i].path, ignored);
  }
}

}  // namespace saker
