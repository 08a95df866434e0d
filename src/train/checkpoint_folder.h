// The folder of a checkpoint: files with their checksums in a manifest, complete or not there at all.
// docs/formats/training-checkpoint.md describes the files.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "io/atomic_folder.h"
#include "io/safetensors.h"

namespace saker {

// Files go into an unfinished folder beside `path`, which commit() puts in place.
class CheckpointFolderWriter {
 public:
  explicit CheckpointFolderWriter(const std::filesystem::path& path) : folder_(path) {}

  std::filesystem::path path_of(const std::string& name) const { return folder_.unfinished() / name; }
  void write_text(const std::string& name, std::string_view text);
  // Puts a file that was written to path_of(name), and is complete, on the list.
  void add(const std::string& name, const SafetensorsWriter& written);
  // Writes the manifest. Throws io; the checkpoint is not there then.
  void commit(int64_t step, int64_t tokens);

 private:
  AtomicFolder folder_;
  nlohmann::json files_ = nlohmann::json::object();
};

struct CheckpointEntry {
  std::filesystem::path path;
  int64_t step = 0, tokens = 0;
  std::string problem;  // what is wrong with the manifest; empty if it can be read
};

// The checkpoints within a folder, oldest first; folders without a manifest are none. Contents are not checked. One
// whose manifest is damaged counts with the step that its name says ("step-12").
std::vector<CheckpointEntry> list_checkpoints(const std::filesystem::path& folder);

// Reads every file: throws not_found for no checkpoint, corrupt_data naming the first file that is not as the manifest
// says.
void verify_checkpoint(const std::filesystem::path& path);

// The newest checkpoint, verified. Throws not_found if there is none; if it is damaged corrupt_data, naming the newest
// intact one.
std::filesystem::path newest_checkpoint(const std::filesystem::path& folder);

// Removes the oldest step-* folders beyond `keep`; named ones stay.
void rotate_checkpoints(const std::filesystem::path& folder, int64_t keep);

}  // namespace saker
