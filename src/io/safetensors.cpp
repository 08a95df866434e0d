#include "io/safetensors.h"

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/error.h"

namespace saker {

namespace {

constexpr std::array<std::pair<std::string_view, DType>, 8> kDTypes{{{"F64", DType::f64},
                                                                     {"F32", DType::f32},
                                                                     {"F16", DType::f16},
                                                                     {"BF16", DType::bf16},
                                                                     {"I64", DType::i64},
                                                                     {"I32", DType::i32},
                                                                     {"U8", DType::u8},
                                                                     {"BOOL", DType::u8}}};

std::optional<DType> dtype_of(std::string_view stored) {
  for (const auto& [name, dtype] : kDTypes)
    if (name == stored) return dtype;
  return std::nullopt;
}

std::string_view stored_name(DType dtype) {
  for (const auto& [name, known] : kDTypes)
    if (known == dtype) return name;
  return "?";
}

Shape shape_of(const std::vector<int64_t>& extents) {
  switch (extents.size()) {
    case 0: return {};
    case 1: return {extents[0]};
    case 2: return {extents[0], extents[1]};
    case 3: return {extents[0], extents[1], extents[2]};
    default: return {extents[0], extents[1], extents[2], extents[3]};
  }
}

uint64_t bytes_of(const SafetensorsWriter::Entry& entry) {
  return static_cast<uint64_t>(entry.shape.elements()) * size_of(entry.dtype);
}

// The length and the JSON, padded with spaces so that the data begins at a multiple of 8.
std::string header_of(const std::vector<SafetensorsWriter::Entry>& entries) {
  nlohmann::json header;  // sorted by name: an object in the order of insertion finds members by a search of them all
  header["__metadata__"] = {{"format", "pt"}};
  uint64_t offset = 0;
  for (const auto& entry : entries) {
    std::vector<int64_t> extents;
    for (int i = 0; i < entry.shape.rank(); ++i) extents.push_back(entry.shape[i]);
    const uint64_t end = offset + bytes_of(entry);
    header[entry.name] = {{"dtype", stored_name(entry.dtype)}, {"shape", extents}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + text;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(std::make_shared<const MappedFile>(path)),
      header_(parse_safetensors(file_->bytes(), saker::quoted(path.native(), 400))) {
  for (const SafetensorsEntry& entry : header_.entries) index_.emplace(entry.name, &entry);
}

StoredArray SafetensorsFile::array(std::string_view name) const {
  const auto found = index_.find(name);
  const std::string from = saker::quoted(path().native(), 400);
  SAKER_CHECK(found != index_.end(), ErrorCode::not_found, "[safetensors] {}: expected a tensor {}, found none", from,
              saker::quoted(name));
  const SafetensorsEntry& entry = *found->second;
  const auto dtype = dtype_of(entry.dtype);
  SAKER_CHECK(dtype.has_value(), ErrorCode::unsupported,
              "[safetensors] {}: tensor {}: expected F64, F32, F16, BF16, I64, I32, U8 or BOOL, found {}", from,
              saker::quoted(name), entry.dtype);
  SAKER_CHECK(entry.shape.size() <= Shape::kMaxRank, ErrorCode::unsupported,
              "[safetensors] {}: tensor {}: expected at most {} dimensions, found {}", from, saker::quoted(name),
              Shape::kMaxRank, entry.shape.size());

  const std::byte* data = file_->bytes().data() + header_.data_offset + entry.begin;
  StoredArray array{data, *dtype, shape_of(entry.shape), file_};
  if (reinterpret_cast<uintptr_t>(data) % size_of(*dtype) != 0) {
    const size_t bytes = entry.end - entry.begin;
    const std::shared_ptr<std::byte[]> copy = std::make_shared_for_overwrite<std::byte[]>(bytes);
    std::memcpy(copy.get(), data, bytes);
    array.data = copy.get();
    array.storage = copy;
  }
  return array;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, const std::vector<Entry>& entries)
    : file_(path), missing_bytes_(0) {
  for (const Entry& entry : entries) missing_bytes_ += bytes_of(entry);
  file_.write(header_of(entries));
}

void SafetensorsWriter::write(const void* data, size_t bytes) {
  SAKER_ASSERT(bytes <= missing_bytes_);
  file_.write(data, bytes);
  missing_bytes_ -= bytes;
}

void SafetensorsWriter::commit() {
  SAKER_ASSERT(missing_bytes_ == 0);
  file_.commit();
}

}  // namespace saker
