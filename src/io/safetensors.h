// The safetensors container: a JSON header and the raw bytes of named arrays, little-endian, row-major.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "core/shape.h"
#include "io/atomic_file.h"
#include "io/mapped_file.h"

namespace saker {

// An array as the header describes it. Its dtype and rank may be beyond what we compute with.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;           // "BF16"
  std::vector<int64_t> shape;  // empty: one number
  uint64_t begin, end;         // bytes within the data block
};

// An array ready to be read: `data` is aligned for `dtype` and lives as long as `storage`.
struct StoredArray {
  const void* data;
  DType dtype;  // BOOL reads as u8
  Shape shape;
  std::shared_ptr<const void> storage;
};

// The header of a whole file, checked against the format. Pure; `from` names the source in messages.
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // by offset; they cover the data block without gaps
  std::map<std::string, std::string> metadata;
  uint64_t data_offset;  // of the data block within the file
};
// Throws corrupt_data for anything that contradicts the format: it never reads beyond `file`, whatever that claims.
SafetensorsHeader parse_safetensors(std::span<const std::byte> file, std::string_view from);

class SafetensorsFile {
 public:
  // Maps the file and checks its header; no array is read. Throws as MappedFile and parse_safetensors do.
  explicit SafetensorsFile(const std::filesystem::path& path);
  SafetensorsFile(SafetensorsFile&&) = default;

  const std::filesystem::path& path() const noexcept { return file_->path(); }
  const std::vector<SafetensorsEntry>& entries() const noexcept { return header_.entries; }
  const std::map<std::string, std::string>& metadata() const noexcept { return header_.metadata; }
  bool contains(std::string_view name) const noexcept { return index_.contains(name); }

  // A view into the mapping; a copy where the file places the array misaligned for its type. Throws not_found, and
  // unsupported for a dtype other than F64, F32, F16, BF16, I64, I32, U8, BOOL or more than four dimensions.
  StoredArray array(std::string_view name) const;

 private:
  std::shared_ptr<const MappedFile> file_;
  SafetensorsHeader header_;
  std::map<std::string_view, const SafetensorsEntry*> index_;
};

// Writes a file array by array, so that no more than a piece of one needs to be in memory.
class SafetensorsWriter {
 public:
  struct Entry {
    std::string name;
    DType dtype;
    Shape shape;
  };

  // Lays the arrays out in the order given, which is also the order of the writes. The metadata says format "pt",
  // which HF transformers insists on. Throws as AtomicFile does.
  SafetensorsWriter(const std::filesystem::path& path, const std::vector<Entry>& entries);

  // The next bytes of the data block.
  void write(const void* data, size_t bytes);
  // Replaces the file. All bytes must have been written.
  void commit();

  // Of the whole file so far.
  uint64_t bytes() const noexcept { return file_.bytes(); }
  uint64_t checksum() const noexcept { return file_.checksum(); }

 private:
  AtomicFile file_;
  uint64_t missing_bytes_;
};

}  // namespace saker
