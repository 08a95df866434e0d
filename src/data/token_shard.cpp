#include "data/token_shard.h"

#include "core/error.h"
#include "io/atomic_file.h"
#include "io/checksum.h"

namespace saker {

namespace {

// What a shard begins with; little-endian.
struct Header {
  char magic[8];
  uint32_t width, reserved;  // bytes of a token; 0
  uint64_t documents, tokens, text_bytes;
  uint64_t tokenizer, payload_checksum;
  uint64_t header_checksum;  // of the bytes before
};
static_assert(sizeof(Header) == 64);
constexpr char kMagic[8] = {'S', 'A', 'K', 'E', 'R', 'T', 'K', '1'};

uint64_t checksum_of(const Header& header) noexcept {
  return checksum(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, header_checksum)));
}

Header make_header(int64_t width, uint64_t documents, uint64_t tokens, uint64_t text_bytes, uint64_t tokenizer,
                   uint64_t payload_checksum) {
  Header header{{}, static_cast<uint32_t>(width), 0, documents, tokens, text_bytes, tokenizer, payload_checksum, 0};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.header_checksum = checksum_of(header);
  return header;
}

}  // namespace

TokenShard::TokenShard(const std::filesystem::path& folder, const Manifest& manifest, const ShardEntry& entry)
    : file_(folder / entry.file),
      checksum_(entry.checksum),
      documents_(entry.documents),
      width_(manifest.token_bytes()),
      ends_(file_.bytes().data() + sizeof(Header)) {
  const std::string name = file_.path().string();
  const auto documents = static_cast<uint64_t>(documents_), tokens = static_cast<uint64_t>(entry.tokens);
  const uint64_t size = file_.bytes().size();
  // Division, so that no count overflows.
  SAKER_CHECK(size >= sizeof(Header) && documents <= size / 8 && tokens <= size / static_cast<uint64_t>(width_) &&
                  size == sizeof(Header) + 8 * documents + static_cast<uint64_t>(width_) * tokens,
              ErrorCode::corrupt_data, "[data] {}: expected the size of {} documents with {} tokens, found {} bytes",
              name, documents, tokens, size);
  const Header expected =
      make_header(width_, documents, tokens, static_cast<uint64_t>(entry.bytes), manifest.tokenizer, entry.checksum);
  SAKER_CHECK(std::memcmp(file_.bytes().data(), &expected, sizeof(Header)) == 0, ErrorCode::corrupt_data,
              "[data] {}: expected the header that manifest.json tells, found another", name);
  tokens_ = ends_ + 8 * documents;
  int64_t last = 0;
  for (int64_t i = 0; i < documents_; ++i) {
    SAKER_CHECK(end(i) >= last && end(i) <= entry.tokens, ErrorCode::corrupt_data,
                "[data] {}: expected the documents in order, found document {} ending at {} behind {}", name, i, end(i),
                last);
    last = end(i);
  }
  SAKER_CHECK(last == entry.tokens, ErrorCode::corrupt_data, "[data] {}: expected documents of {} tokens, found {}",
              name, tokens, last);
}

int64_t TokenShard::end(int64_t document) const noexcept {
  uint64_t end = 0;
  std::memcpy(&end, ends_ + 8 * document, sizeof(end));
  return static_cast<int64_t>(end);
}

void TokenShard::verify() const {
  SAKER_CHECK(checksum(file_.bytes().subspan(sizeof(Header))) == checksum_, ErrorCode::corrupt_data,
              "[data] {}: expected the checksum that manifest.json tells, found another; the file is damaged",
              file_.path().string());
}

void ShardBuilder::add(std::span<const int32_t> ids, int64_t text_bytes) {
  const size_t begin = tokens_.size();
  tokens_.resize(begin + ids.size() * static_cast<size_t>(width_));
  std::byte* out = tokens_.data() + begin;
  for (const int32_t id : ids) {
    const auto word = static_cast<uint32_t>(id);
    std::memcpy(out, &word, static_cast<size_t>(width_));  // little-endian: the low bytes come first
    out += width_;
  }
  ends_.push_back(static_cast<uint64_t>(tokens()) + ids.size());
  text_bytes_ += text_bytes;
}

ShardEntry ShardBuilder::write(const std::filesystem::path& folder, const std::string& file, uint64_t tokenizer) {
  const auto ends = std::as_bytes(std::span(ends_));
  Checksum payload;
  payload.update(ends.data(), ends.size());
  payload.update(tokens_.data(), tokens_.size());
  const ShardEntry entry{file, documents(), tokens(), text_bytes_, payload.value()};
  const Header header = make_header(width_, ends_.size(), static_cast<uint64_t>(entry.tokens),
                                    static_cast<uint64_t>(text_bytes_), tokenizer, entry.checksum);
  AtomicFile out(folder / file);
  out.write(&header, sizeof(header));
  out.write(ends.data(), ends.size());
  out.write(tokens_.data(), tokens_.size());
  out.commit();
  ends_.clear();
  tokens_.clear();
  text_bytes_ = 0;
  return entry;
}

}  // namespace saker
