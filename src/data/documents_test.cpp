#include "data/documents.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "core/temporary_folder.h"

namespace saker {
namespace {

std::vector<std::string> read(const std::filesystem::path& file) {
  std::vector<std::string> texts;
  for_each_document(file, [&](std::string_view text) {
    texts.emplace_back(text);
    return true;
  });
  return texts;
}

TEST(Documents, JsonLines) {
  const TemporaryFolder folder;
  EXPECT_EQ(
      read(folder.write("a.jsonl", "{\"text\":\"one\\n\"}\n\n{\"id\":1,\"text\":\"tw\\u00f6\"}\r\n{\"text\":\"\"}")),
      (std::vector<std::string>{"one\n", "tw\xC3\xB6", ""}));
  EXPECT_TRUE(read(folder.write("b.jsonl", "")).empty());
}

TEST(Documents, OneText) {
  const TemporaryFolder folder;
  EXPECT_EQ(read(folder.write("a.txt", "one\ntwo\n")), (std::vector<std::string>{"one\ntwo\n"}));
}

TEST(Documents, NamesTheBrokenLine) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& content) {
    return error_of([&] { read(folder.write("a.jsonl", content)); });
  };
  EXPECT_NE(message("{\"text\":\"x\"}\n{\"text\":").find("a.jsonl, line 2"), std::string::npos);
  for (const char* line : {"[]", "1", "{}", "{\"text\":1}", "{\"text\":\"\xff\"}", "{\"text\":\"a\"} x", "\"text\""})
    EXPECT_NE(message(line).find("line 1"), std::string::npos) << line;
  EXPECT_NE(error_of([&] { read(folder.write("a.txt", "a\xff")); }), "");
  EXPECT_NE(error_of([&] { read(folder.path() / "none.jsonl"); }), "");
  EXPECT_NE(error_of([&] { read(folder.path()); }), "");
}

TEST(Documents, BadLinesCanBeSkipped) {
  const TemporaryFolder folder;
  const auto file = folder.write("a.jsonl",
                                 "{\"text\":\"one\"}\n{\"text\":\n\n{}\n[]\n{\"text\":null}\n{\"text\":\"\xff\"}\n"
                                 "{\"text\":\"two\"}\n{\"text\":\"\\ud800\"}");
  std::vector<std::pair<int64_t, LineFault>> bad;
  DocumentReader reader(file, "text", [&](const BadLine& line) {
    EXPECT_EQ(line.file, file.string());
    bad.emplace_back(line.line, line.fault);
  });
  std::vector<std::string> texts;
  for (std::string_view text; reader.next(text);) texts.emplace_back(text);
  EXPECT_EQ(texts, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(bad, (std::vector<std::pair<int64_t, LineFault>>{{2, LineFault::broken_json},
                                                             {4, LineFault::no_text},
                                                             {5, LineFault::another_value},
                                                             {6, LineFault::another_value},
                                                             {7, LineFault::not_utf8},
                                                             {9, LineFault::broken_json}}));
}

std::string gzip(const std::string& text) {
  std::string out(text.size() + 1000, '\0');
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

// With the largest window that zstd has, as archives of crawls do.
std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 31);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  ZSTD_inBuffer input{text.data(), text.size(), 0};
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  ZSTD_compressStream2(context, &output, &input, ZSTD_e_flush);
  EXPECT_EQ(ZSTD_compressStream2(context, &output, &input, ZSTD_e_end), 0u);
  out.resize(output.pos);
  ZSTD_freeCCtx(context);
  return out;
}

// Lines of all lengths, one of them longer than any buffer; incompressible enough to fill several pieces.
std::string many_lines(std::vector<std::string>& texts) {
  std::string lines;
  uint32_t random = 1;
  for (const size_t size : {5, 0, 1000, 3000000, 17, 700000, 1}) {
    texts.emplace_back();
    for (size_t i = 0; i < size; ++i)
      texts.back() += static_cast<char>('a' + ((random = random * 1664525 + 1) >> 27) % 26);
    lines += "{\"text\": \"" + texts.back() + "\"}\n";
  }
  return lines;
}

TEST(Documents, CompressedIsTheSame) {
  const TemporaryFolder folder;
  std::vector<std::string> texts;
  const std::string lines = many_lines(texts);
  const std::string half = lines.substr(0, lines.size() / 2), rest = lines.substr(half.size());
  EXPECT_EQ(read(folder.write("a.jsonl", lines)), texts);
  EXPECT_EQ(read(folder.write("a.jsonl.gz", gzip(lines))), texts);
  EXPECT_EQ(read(folder.write("a.jsonl.zst", zstd(lines))), texts);
  EXPECT_EQ(read(folder.write("parts.jsonl.gz", gzip(half) + gzip(rest))), texts);
  EXPECT_EQ(read(folder.write("parts.jsonl.zst", zstd(half) + zstd(rest))), texts);
  EXPECT_EQ(read(folder.write("wrong-name.jsonl", zstd(lines))), texts);
  EXPECT_EQ(read(folder.write("a.txt.gz", gzip(lines))), std::vector<std::string>{lines});
  EXPECT_TRUE(read(folder.write("empty.jsonl.gz", gzip(""))).empty());
  EXPECT_TRUE(read(folder.write("empty.jsonl.zst", zstd(""))).empty());
}

TEST(Documents, DamagedCompression) {
  const TemporaryFolder folder;
  std::vector<std::string> texts;
  const std::string lines = many_lines(texts);
  for (const std::string& good : {gzip(lines), zstd(lines)}) {
    const auto error = [&](const std::string& bytes) {
      return error_of([&] { read(folder.write("a.jsonl", bytes)); });
    };
    ASSERT_EQ(error(good), "");
    for (const size_t size : {size_t{5}, good.size() / 2, good.size() - 1})
      EXPECT_NE(error(good.substr(0, size)).find("a.jsonl"), std::string::npos) << size;
    EXPECT_NE(error(good + "garbage"), "");
    std::string flipped = good;
    flipped[good.size() / 2] = static_cast<char>(flipped[good.size() / 2] ^ 4);
    EXPECT_NE(error(flipped), "");
  }
}

TEST(Documents, NamesOfSources) {
  EXPECT_EQ(source_name("corpus/web.jsonl.zst"), "web");
  EXPECT_EQ(source_name("web.en.jsonl.gz"), "web.en");
  EXPECT_EQ(source_name("book.txt"), "book");
  EXPECT_EQ(source_name("-"), "stdin");
}

}  // namespace
}  // namespace saker
