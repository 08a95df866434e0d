// Parsing of safetensors headers: every number in them is hostile until checked.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "io/json.h"
#include "io/safetensors.h"

namespace saker {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian and read in place");

namespace {

using nlohmann::json;

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // as other readers have it

constexpr std::array<std::pair<std::string_view, uint64_t>, 22> kBits{
    {{"BOOL", 8},        {"U8", 8},          {"I8", 8},    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8},
     {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F4", 4},    {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"I16", 16},
     {"U16", 16},        {"F16", 16},        {"BF16", 16}, {"I32", 32},    {"U32", 32},    {"F32", 32},
     {"C64", 64},        {"F64", 64},        {"I64", 64},  {"U64", 64}}};

std::optional<uint64_t> bits_of(std::string_view dtype) {
  for (const auto& [name, bits] : kBits)
    if (name == dtype) return bits;
  return std::nullopt;
}

// Reads one entry of the header; messages name the array.
class EntryReader {
 public:
  EntryReader(const std::string& name, const json& value, std::string_view from)
      : name_(name), value_(value), from_(from) {}

  SafetensorsEntry read() const {
    check(value_.is_object(), "expected an object", json_kind(value_));
    SafetensorsEntry entry{name_, dtype(), shape(), 0, 0};
    std::tie(entry.begin, entry.end) = offsets();
    check_size(entry);
    return entry;
  }

 private:
  template <class Found>
  void check(bool condition, std::string_view expected, const Found& found) const {
    SAKER_CHECK(condition, ErrorCode::corrupt_data, "[safetensors] {}: tensor {}: {}, found {}", from_,
                saker::quoted(name_), expected, found);
  }

  const json& member(const char* key) const {
    const auto it = value_.find(key);
    check(it != value_.end(), fmt::format("expected the key {}", key), "none");
    return *it;
  }

  std::string dtype() const {
    const json& dtype = member("dtype");
    check(dtype.is_string(), "expected dtype to be a string", json_kind(dtype));
    const auto& text = dtype.get_ref<const std::string&>();
    check(bits_of(text).has_value(), "expected a dtype such as F32, F16 or BF16", saker::quoted(text));
    return text;
  }

  std::vector<int64_t> shape() const {
    const json& shape = member("shape");
    check(shape.is_array(), "expected shape to be an array", json_kind(shape));
    std::vector<int64_t> extents;
    for (const json& extent : shape) {
      check(extent.is_number_unsigned(), "expected extents from 0",
            extent.is_number() ? "another number" : json_kind(extent));
      check(extent.get<uint64_t>() <= INT64_MAX, "expected extents below 2^63", extent.get<uint64_t>());
      extents.push_back(extent.get<int64_t>());
    }
    return extents;
  }

  std::pair<uint64_t, uint64_t> offsets() const {
    const json& offsets = member("data_offsets");
    check(
        offsets.is_array() && offsets.size() == 2 && offsets[0].is_number_unsigned() && offsets[1].is_number_unsigned(),
        "expected data_offsets to be two integers from 0", "something else");
    const auto begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
    check(begin <= end, "expected data_offsets to ascend", fmt::format("[{}, {}]", begin, end));
    return {begin, end};
  }

  void check_size(const SafetensorsEntry& entry) const {
    uint64_t bits = *bits_of(entry.dtype);
    bool empty = false;
    for (int64_t extent : entry.shape) {
      empty |= extent == 0;
      check(!__builtin_mul_overflow(bits, static_cast<uint64_t>(std::max<int64_t>(extent, 1)), &bits),
            "expected a shape below 2^64 bits", "a larger one");
    }
    if (empty) bits = 0;
    check(bits % 8 == 0 && bits / 8 == entry.end - entry.begin,
          fmt::format("expected {} bytes from its dtype and shape", bits / 8),
          fmt::format("data_offsets of {}", entry.end - entry.begin));
  }

  const std::string& name_;
  const json& value_;
  std::string_view from_;
};

std::map<std::string, std::string> read_metadata(const json& value, std::string_view from) {
  SAKER_CHECK(value.is_object(), ErrorCode::corrupt_data,
              "[safetensors] {}: expected __metadata__ to be an object, found {}", from, json_kind(value));
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) {
    SAKER_CHECK(text.is_string(), ErrorCode::corrupt_data,
                "[safetensors] {}: expected __metadata__ to map to strings, found {} at {}", from, json_kind(text),
                saker::quoted(key));
    metadata.emplace(key, text.get<std::string>());
  }
  return metadata;
}

// Sorts the entries by offset; they must tile [0, data_bytes).
void check_tiling(std::vector<SafetensorsEntry>& entries, uint64_t data_bytes, std::string_view from) {
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t covered = 0;
  for (const SafetensorsEntry& entry : entries) {
    SAKER_CHECK(entry.end <= data_bytes, ErrorCode::corrupt_data,
                "[safetensors] {}: tensor {} ends at byte {} of a data block of {}; is the file truncated?", from,
                saker::quoted(entry.name), entry.end, data_bytes);
    SAKER_CHECK(entry.begin == covered, ErrorCode::corrupt_data,
                "[safetensors] {}: expected tensor {} to begin at byte {}, where the one before it ends, found {}",
                from, saker::quoted(entry.name), covered, entry.begin);
    covered = entry.end;
  }
  SAKER_CHECK(covered == data_bytes, ErrorCode::corrupt_data,
              "[safetensors] {}: expected {} bytes of data as the header says, found {}", from, covered, data_bytes);
}

std::string_view header_text(std::span<const std::byte> file, std::string_view from) {
  SAKER_CHECK(file.size() >= kLengthBytes, ErrorCode::corrupt_data,
              "[safetensors] {}: expected at least {} bytes, found {}", from, kLengthBytes, file.size());
  uint64_t length;
  std::memcpy(&length, file.data(), kLengthBytes);
  SAKER_CHECK(
      length <= kMaxHeaderBytes, ErrorCode::corrupt_data,
      "[safetensors] {}: expected a header of at most {} bytes, found a claim of {}; is this a safetensors file?", from,
      kMaxHeaderBytes, length);
  SAKER_CHECK(length <= file.size() - kLengthBytes, ErrorCode::corrupt_data,
              "[safetensors] {}: expected a header of {} bytes, found {} in the file; is it truncated?", from, length,
              file.size() - kLengthBytes);
  return {reinterpret_cast<const char*>(file.data()) + kLengthBytes, length};
}

}  // namespace

SafetensorsHeader parse_safetensors(std::span<const std::byte> file, std::string_view from) {
  const std::string_view text = header_text(file, from);
  const json root = parse_json(text, "safetensors", from);
  SAKER_CHECK(root.is_object(), ErrorCode::corrupt_data,
              "[safetensors] {}: expected the header to be an object, found {}", from, json_kind(root));
  SafetensorsHeader header{{}, {}, kLengthBytes + text.size()};
  for (const auto& [name, value] : root.items()) {
    if (name == "__metadata__")
      header.metadata = read_metadata(value, from);
    else
      header.entries.push_back(EntryReader(name, value, from).read());
  }
  check_tiling(header.entries, file.size() - header.data_offset, from);
  return header;
}

}  // namespace saker
