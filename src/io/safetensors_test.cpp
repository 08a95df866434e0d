#include "io/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "core/temporary_folder.h"
#include "io/read_file.h"

namespace saker {
namespace {

namespace fs = std::filesystem;

std::string file_of(const std::string& header, size_t data_bytes, uint64_t claimed) {
  std::string file(reinterpret_cast<const char*>(&claimed), sizeof claimed);
  file += header;
  for (size_t i = 0; i < data_bytes; ++i) file += static_cast<char>(i);
  return file;
}

std::string file_of(const std::string& header, size_t data_bytes = 0) {
  return file_of(header, data_bytes, header.size());
}

SafetensorsHeader parse(const std::string& file) {
  return parse_safetensors(std::as_bytes(std::span(file)), "file");
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

TEST(SafetensorsHeader, ReadsEntriesInFileOrder) {
  const auto header =
      parse(file_of(R"({"__metadata__":{"format":"pt"},"b":)" + entry("F32", "[2]", "[4,12]") + R"(,"a":)" +
                        entry("BF16", "[1,2]", "[0,4]") + R"(,"none":)" + entry("F64", "[0,7]", "[4,4]") +
                        R"(,"one":)" + entry("U8", "[]", "[12,13]") + "}   ",
                    13));
  ASSERT_EQ(header.entries.size(), 4u);
  EXPECT_EQ(header.entries[0].name, "a");
  EXPECT_EQ(header.entries[1].name, "none");
  EXPECT_EQ(header.entries[2].name, "b");
  EXPECT_EQ(header.entries[3].name, "one");
  EXPECT_EQ(header.entries[0].dtype, "BF16");
  EXPECT_EQ(header.entries[0].shape, (std::vector<int64_t>{1, 2}));
  EXPECT_TRUE(header.entries[3].shape.empty());
  EXPECT_EQ(header.metadata.at("format"), "pt");
}

struct Hostile {
  const char* what;
  std::string file;
  const char* message;
};

class SafetensorsHostile : public testing::TestWithParam<Hostile> {};

TEST_P(SafetensorsHostile, IsAClearError) {
  const std::string error = error_of([&] { parse(GetParam().file); });
  EXPECT_NE(error.find("[safetensors] file: "), std::string::npos) << error;
  EXPECT_NE(error.find(GetParam().message), std::string::npos) << error;
}

std::string one(const std::string& value, size_t data_bytes) {
  return file_of("{\"a\":" + value + "}", data_bytes);
}

INSTANTIATE_TEST_SUITE_P(
    One, SafetensorsHostile,
    testing::Values(
        Hostile{"Short", "abc", "at least 8 bytes, found 3"},
        Hostile{"HeaderBeyondFile", file_of("{}", 0, 3), "header of 3 bytes, found 2"},
        Hostile{"HeaderHuge", file_of("{}", 0, ~uint64_t{0}), "a claim of 18446744073709551615"},
        Hostile{"HeaderOverLimit", file_of("{}", 0, 100'000'001), "a claim of 100000001"},
        Hostile{"NoHeader", file_of(""), "ends early"},
        Hostile{"NotJson", file_of("hello"), "found something else at byte 1"},
        Hostile{"NotAnObject", file_of("[]"), "header to be an object, found an array"},
        Hostile{"CutJson", file_of("{\"a\":"), "ends early"}, Hostile{"NotUtf8", file_of("{\"\xff\":1}"), "in UTF-8"},
        Hostile{"Deep", file_of(std::string(100000, '[')), "levels of nesting"},
        Hostile{"DeepInEntry", one(std::string(100000, '['), 0), "levels of nesting"},
        Hostile{"Twice",
                file_of("{\"a\":" + entry("U8", "[1]", "[0,1]") + ",\"a\":" + entry("U8", "[1]", "[1,2]") + "}", 2),
                "\"a\" appears twice"},
        Hostile{"EntryNotObject", one("7", 0), "tensor \"a\": expected an object, found an integer"},
        Hostile{"NoDtype", one(R"({"shape":[],"data_offsets":[0,0]})", 0), "the key dtype, found none"},
        Hostile{"NoShape", one(R"({"dtype":"F32","data_offsets":[0,0]})", 0), "the key shape, found none"},
        Hostile{"NoOffsets", one(R"({"dtype":"F32","shape":[]})", 0), "the key data_offsets, found none"},
        Hostile{"DtypeUnknown", one(entry("F33", "[1]", "[0,4]"), 4), "found \"F33\""},
        Hostile{"DtypeNumber", one(R"({"dtype":5,"shape":[],"data_offsets":[0,0]})", 0), "dtype to be a string"},
        Hostile{"ShapeObject", one(entry("F32", "{}", "[0,4]"), 4), "shape to be an array, found an object"},
        Hostile{"ShapeNegative", one(entry("F32", "[-1]", "[0,4]"), 4), "expected extents from 0"},
        Hostile{"ShapeFraction", one(entry("F32", "[1.0]", "[0,4]"), 4), "expected extents from 0"},
        Hostile{"ShapeString", one(entry("F32", "[\"1\"]", "[0,4]"), 4), "found a string"},
        Hostile{"ShapeHuge", one(entry("F32", "[18446744073709551615]", "[0,4]"), 4), "extents below 2^63"},
        Hostile{"ShapeOverflows", one(entry("F32", "[4294967296,4294967296]", "[0,0]"), 0), "shape below 2^64 bits"},
        Hostile{"EmptyShapeOverflows", one(entry("F32", "[4294967296,4294967296,0]", "[0,0]"), 0),
                "shape below 2^64 bits"},
        Hostile{"SizeMismatch", one(entry("F32", "[2]", "[0,4]"), 4),
                "expected 8 bytes from its dtype and shape, found data_offsets of 4"},
        Hostile{"SizeMismatchEmpty", one(entry("F32", "[0]", "[0,4]"), 4), "expected 0 bytes"},
        Hostile{"HalfByte", one(entry("F4", "[3]", "[0,1]"), 1), "from its dtype and shape"},
        Hostile{"OffsetsDescend", one(entry("F32", "[1]", "[4,0]"), 4), "data_offsets to ascend, found [4, 0]"},
        Hostile{"OffsetsNegative", one(entry("F32", "[1]", "[-4,0]"), 4), "two integers from 0"},
        Hostile{"OffsetsThree", one(entry("F32", "[1]", "[0,4,8]"), 4), "two integers from 0"},
        Hostile{"OffsetsNumber", one(entry("F32", "[1]", "4"), 4), "two integers from 0"},
        Hostile{"BeyondFile", one(entry("F32", "[2]", "[0,8]"), 7), "ends at byte 8 of a data block of 7"},
        Hostile{"FarBeyondFile", one(entry("U8", "[8]", "[18446744073709551607,18446744073709551615]"), 8),
                "is the file truncated?"},
        Hostile{"TrailingData", one(entry("F32", "[1]", "[0,4]"), 5),
                "expected 4 bytes of data as the header says, found 5"},
        Hostile{"GapAtStart", one(entry("F32", "[1]", "[1,5]"), 5), "to begin at byte 0"},
        Hostile{"Gap",
                file_of("{\"a\":" + entry("U8", "[1]", "[0,1]") + ",\"b\":" + entry("U8", "[1]", "[2,3]") + "}", 3),
                "to begin at byte 1"},
        Hostile{"Overlap",
                file_of("{\"a\":" + entry("U8", "[2]", "[0,2]") + ",\"b\":" + entry("U8", "[2]", "[1,3]") + "}", 3),
                "to begin at byte 2"},
        Hostile{"Same",
                file_of("{\"a\":" + entry("U8", "[2]", "[0,2]") + ",\"b\":" + entry("U8", "[2]", "[0,2]") + "}", 2),
                "to begin at byte 2"},
        Hostile{"MetadataNumber", file_of(R"({"__metadata__":1})"), "__metadata__ to be an object, found an integer"},
        Hostile{"MetadataValues", file_of(R"({"__metadata__":{"a":1}})"), "map to strings, found an integer at \"a\""}),
    [](const auto& hostile) { return hostile.param.what; });

TEST(Safetensors, RoundTrip) {
  TemporaryFolder folder;
  const fs::path path = folder.path() / "x.safetensors";
  const float weights[] = {1.5f, -2.0f, 3.0f, 0.25f, 5.0f, 6.0f};
  const BFloat16 halves[] = {BFloat16(1.0f), BFloat16(-3.0f)};
  SafetensorsWriter writer(path, {{"w", DType::f32, {2, 3}}, {"none", DType::f16, {0, 4}}, {"h", DType::bf16, {2}}});
  writer.write(weights, 10);  // pieces may end anywhere
  writer.write(reinterpret_cast<const char*>(weights) + 10, sizeof weights - 10);
  writer.write(halves, sizeof halves);
  writer.commit();

  const SafetensorsFile file(path);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  const StoredArray w = file.array("w"), h = file.array("h"), none = file.array("none");
  EXPECT_EQ(w.dtype, DType::f32);
  EXPECT_EQ(w.shape, (Shape{2, 3}));
  EXPECT_EQ(std::memcmp(w.data, weights, sizeof weights), 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(w.data) % 8, 0u);
  EXPECT_EQ(h.dtype, DType::bf16);
  EXPECT_EQ(std::memcmp(h.data, halves, sizeof halves), 0);
  EXPECT_EQ(none.shape, (Shape{0, 4}));
  EXPECT_TRUE(file.contains("h"));
  EXPECT_FALSE(file.contains("x"));
}

TEST(Safetensors, AnArrayOutlivesItsFileAndMisalignedOnesAreCopied) {
  TemporaryFolder folder;
  const std::string header =
      R"({"a":)" + entry("U8", "[3]", "[0,3]") + R"(,"b":)" + entry("F32", "[2]", "[3,11]") + "}";
  const std::string content = file_of(header, 11);
  const fs::path path = folder.write("odd.safetensors", content);
  const StoredArray array = SafetensorsFile(path).array("b");
  fs::remove(path);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(array.data) % sizeof(float), 0u);
  EXPECT_EQ(std::memcmp(array.data, content.data() + 8 + header.size() + 3, 8), 0);
}

TEST(Safetensors, ListsButDoesNotReadForeignTypes) {
  TemporaryFolder folder;
  const SafetensorsFile file(folder.write(
      "x.safetensors",
      file_of(R"({"f8":)" + entry("F8_E4M3", "[2]", "[0,2]") + R"(,"rank5":)" + entry("U8", "[1,1,1,1,2]", "[2,4]") +
                  R"(,"flag":)" + entry("BOOL", "[2]", "[4,6]") + "}",
              6)));
  EXPECT_EQ(file.entries().size(), 3u);
  EXPECT_NE(error_of([&] { file.array("f8"); }).find("found F8_E4M3"), std::string::npos);
  EXPECT_NE(error_of([&] { file.array("rank5"); }).find("at most 4 dimensions, found 5"), std::string::npos);
  EXPECT_NE(error_of([&] { file.array("absent"); }).find("expected a tensor \"absent\", found none"),
            std::string::npos);
  EXPECT_EQ(file.array("flag").dtype, DType::u8);
}

TEST(Safetensors, AnUnfinishedWriterLeavesNothing) {
  TemporaryFolder folder;
  { SafetensorsWriter writer(folder.path() / "x.safetensors", {{"w", DType::f32, {2}}}); }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace saker
