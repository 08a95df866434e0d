#include "model/checkpoint.h"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/error.h"
#include "io/json.h"
#include "io/json_fields.h"
#include "io/read_file.h"
#include "io/safetensors.h"

namespace saker {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr uint64_t kMaxIndexBytes = 256 << 20;

std::string shown(const fs::path& path) {
  return saker::quoted(path.native(), 400);
}

// Names from an index are hostile: a shard lies within the folder. (Symbolic links may lead out of it; caches of
// downloaded models consist of them.)
void check_shard_name(const std::string& name, const fs::path& index) {
  const fs::path path(name);
  bool inside = !name.empty() && path.is_relative() && name.find('\0') == std::string::npos;
  for (const fs::path& part : path) inside = inside && part != "..";
  SAKER_CHECK(inside, ErrorCode::corrupt_data,
              "[checkpoint] {}: expected the name of a file within the folder, found {}", shown(index),
              saker::quoted(name));
}

// Which file holds which tensor: one file, or shards that an index lists.
class CheckpointFiles {
 public:
  explicit CheckpointFiles(const fs::path& folder) : folder_(folder) {
    std::error_code ignored;
    if (fs::exists(folder / kSingleFile, ignored))
      single_ = &open(kSingleFile);
    else if (fs::exists(folder / kIndexFile, ignored))
      read_index();
    else
      fail(ErrorCode::not_found,
           "[checkpoint] {}: expected {} or {}, found neither; weights in other formats must be "
           "converted to safetensors first",
           shown(folder), kSingleFile, kIndexFile);
  }

  // The file that should hold the tensor, by its first name that is there.
  StoredArray array(const std::vector<std::string>& names) {
    for (const std::string& name : names)
      if (const SafetensorsFile* file = file_of(name)) return file->array(name);
    fail(ErrorCode::not_found, "[checkpoint] {}: expected a tensor {}, found none", shown(folder_), names.front());
  }

 private:
  void read_index() {
    const fs::path path = folder_ / kIndexFile;
    const std::string from = shown(path);
    const json root = parse_json(read_file(path, kMaxIndexBytes), "checkpoint", from);
    const JsonFields fields(root, "checkpoint", from);
    for (const auto& [name, file] : fields.object("weight_map").value().items()) {
      if (!file.is_string())
        fields.refuse(ErrorCode::corrupt_data, "expected weight_map to map to file names, found {} at {}",
                      json_kind(file), saker::quoted(name));
      check_shard_name(file.get_ref<const std::string&>(), path);
      weight_map_.emplace(name, file.get<std::string>());
    }
  }

  const SafetensorsFile* file_of(const std::string& name) {
    if (single_) return single_->contains(name) ? single_ : nullptr;
    const auto it = weight_map_.find(name);
    return it == weight_map_.end() ? nullptr : &open(it->second);
  }

  const SafetensorsFile& open(const std::string& name) {
    const auto it = open_.find(name);
    return it != open_.end() ? it->second : open_.emplace(name, SafetensorsFile(folder_ / name)).first->second;
  }

  fs::path folder_;
  std::map<std::string, std::string> weight_map_;
  std::map<std::string, SafetensorsFile> open_;
  const SafetensorsFile* single_ = nullptr;
};

// What a tensor may be called: the original files say embedding, in the singular.
std::vector<std::string> names_of(const TensorSpec& spec) {
  if (spec.role == TensorRole::embedding) return {spec.name, "backbone.embedding.weight"};
  return {spec.name};
}

void check_array(const StoredArray& array, const TensorSpec& spec, const fs::path& folder) {
  SAKER_CHECK(array.shape == spec.shape, ErrorCode::corrupt_data,
              "[checkpoint] {}: tensor {}: expected shape {} as config.json says, found {}", shown(folder), spec.name,
              spec.shape.text(), array.shape.text());
  SAKER_CHECK(is_float(array.dtype) && array.dtype != DType::f64, ErrorCode::unsupported,
              "[checkpoint] {}: tensor {}: expected f32, bf16 or f16, found {}", shown(folder), spec.name,
              name(array.dtype));
}

}  // namespace

Weights load_checkpoint(const fs::path& folder) {
  Weights weights;
  weights.config = load_config(folder);
  weights.layers.resize(static_cast<size_t>(weights.config.n_layer));
  CheckpointFiles files(folder);
  std::set<std::shared_ptr<const void>> storage;
  for_each_tensor(weights, [&](const TensorSpec& spec, ConstTensorView& view) {
    StoredArray array = files.array(names_of(spec));
    check_array(array, spec, folder);
    view = ConstTensorView(array.data, array.dtype, array.shape);
    storage.insert(std::move(array.storage));
  });
  if (weights.config.tied_embeddings) weights.lm_head = weights.embeddings;
  weights.storage.assign(storage.begin(), storage.end());
  weights.mapped = true;
  return weights;
}

}  // namespace saker
