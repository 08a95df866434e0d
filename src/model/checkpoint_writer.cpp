#include "model/checkpoint_writer.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "core/error.h"
#include "device/buffer.h"
#include "io/safetensors.h"
#include "model/generation_config.h"

namespace saker {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kPieceElements = 8 << 20;

struct Shard {
  std::string file;
  size_t begin, end;  // tensors
};

int64_t bytes_of(const TensorSpec& spec, DType dtype) {
  return spec.shape.elements() * static_cast<int64_t>(size_of(dtype));
}

// In order, each as full as the limit allows; a tensor above the limit has a shard of its own.
std::vector<Shard> plan_shards(const std::vector<TensorSpec>& specs, DType dtype, int64_t limit) {
  std::vector<Shard> shards{{"", 0, 0}};
  int64_t bytes = 0;
  for (size_t i = 0; i < specs.size(); ++i) {
    const int64_t more = bytes_of(specs[i], dtype);
    if (shards.back().end > shards.back().begin && bytes + more > limit) {
      shards.push_back({"", i, i});
      bytes = 0;
    }
    shards.back().end = i + 1;
    bytes += more;
  }
  for (size_t i = 0; i < shards.size(); ++i)
    shards[i].file = shards.size() == 1 ? "model.safetensors"
                                        : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  return shards;
}

std::string index_text(const std::vector<Shard>& shards, const std::vector<TensorSpec>& specs, int64_t total) {
  nlohmann::json index;
  index["metadata"]["total_size"] = total;
  for (const Shard& shard : shards)
    for (size_t i = shard.begin; i < shard.end; ++i) index["weight_map"][specs[i].name] = shard.file;
  return index.dump(2) + "\n";
}

bool is_weights_file(std::string_view name) {
  return name == "model.safetensors" || name == "model.safetensors.index.json" ||
         (name.starts_with("model-") && name.ends_with(".safetensors"));
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  SAKER_CHECK(!error && fs::is_directory(folder, error), ErrorCode::io, "[checkpoint] the folder {} cannot be made: {}",
              saker::quoted(folder.native(), 400), error ? error.message() : "something else has its name");
}

// Better said before an hour of writing than after. The files that will be replaced still count.
void check_space(const fs::path& folder, int64_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  SAKER_CHECK(error || space.available >= static_cast<uintmax_t>(bytes), ErrorCode::io,
              "[checkpoint] {}: {} bytes of weights do not fit, {} are free", saker::quoted(folder.native(), 400),
              bytes, space.available);
}

class Writer {
 public:
  Writer(const ModelConfig& config, const fs::path& folder, const SaveOptions& options, const TensorFiller& fill)
      : folder_(folder),
        options_(options),
        fill_(fill),
        specs_(tensor_specs(config)),
        piece_(kPieceElements * size_of(options.dtype)) {
    for (const TensorSpec& spec : specs_) total_ += bytes_of(spec, options.dtype);
  }

  void write() {
    check_space(folder_, total_);
    const std::vector<Shard> shards = plan_shards(specs_, options_.dtype, options_.shard_bytes);
    for (const Shard& shard : shards) {
      write_shard(shard);
      written_.insert(shard.file);
    }
    if (shards.size() > 1) {
      const char* index = "model.safetensors.index.json";
      replace_file(folder_ / index, index_text(shards, specs_, total_));
      written_.insert(index);
    }
  }

  // Others would be loaded in place of, or kept beside, what was just written.
  void remove_older_weights() const {
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_, ignored)) {
      const std::string name = entry.path().filename().string();
      if (is_weights_file(name) && !written_.contains(name)) fs::remove(entry.path(), ignored);
    }
  }

 private:
  void write_shard(const Shard& shard) {
    std::vector<SafetensorsWriter::Entry> entries;
    for (size_t i = shard.begin; i < shard.end; ++i)
      entries.push_back({specs_[i].name, options_.dtype, specs_[i].shape});
    SafetensorsWriter file(folder_ / shard.file, entries);
    for (size_t i = shard.begin; i < shard.end; ++i) write_tensor(i, file);
    file.commit();
  }

  void write_tensor(size_t index, SafetensorsWriter& file) {
    const int64_t elements = specs_[index].shape.elements();
    for (int64_t begin = 0; begin < elements; begin += kPieceElements) {
      const int64_t count = std::min(kPieceElements, elements - begin);
      const size_t bytes = static_cast<size_t>(count) * size_of(options_.dtype);
      fill_(index, specs_[index], begin, count, piece_.data());
      file.write(piece_.data(), bytes);
      done_ += static_cast<int64_t>(bytes);
      if (options_.progress) options_.progress(done_, total_);
    }
  }

  const fs::path& folder_;
  const SaveOptions& options_;
  const TensorFiller& fill_;
  std::vector<TensorSpec> specs_;
  Buffer piece_;
  int64_t done_ = 0, total_ = 0;
  std::set<std::string> written_;
};

}  // namespace

void write_checkpoint(const ModelConfig& config, const fs::path& folder, const SaveOptions& options,
                      const TensorFiller& fill) {
  config.validate();
  SAKER_CHECK(is_float(options.dtype) && options.dtype != DType::f64, ErrorCode::invalid_argument,
              "[checkpoint] expected dtype f32, bf16 or f16, found {}", name(options.dtype));
  SAKER_CHECK(options.shard_bytes > 0, ErrorCode::invalid_argument,
              "[checkpoint] expected shards above 0 bytes, found {}", options.shard_bytes);
  make_folder(folder);
  ModelConfig written = config;
  written.stored_dtype = options.dtype;
  replace_file(folder / "generation_config.json", write_generation_config(written));
  Writer writer(written, folder, options, fill);
  writer.write();
  replace_file(folder / "config.json", write_config(written));
  writer.remove_older_weights();
}

void save_checkpoint(const Weights& weights, const fs::path& folder, const SaveOptions& options) {
  std::vector<ConstTensorView> views;
  for_each_tensor(weights, [&](const TensorSpec&, const ConstTensorView& view) { views.push_back(view); });
  write_checkpoint(weights.config, folder, options,
                   [&](size_t index, const TensorSpec&, int64_t begin, int64_t count, void* out) {
                     const ConstTensorView& view = views[index];
                     const auto* from = view.as<std::byte>() + begin * static_cast<int64_t>(size_of(view.dtype));
                     convert_elements(out, options.dtype, from, view.dtype, count);
                   });
}

}  // namespace saker
