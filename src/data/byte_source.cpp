#include "data/byte_source.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "io/file_handle.h"

namespace saker {

namespace {

constexpr size_t kPiece = 1 << 18;

FileHandle open_or_standard_input(const std::filesystem::path& path) {
  if (path != "-") return open_for_reading(path).handle;
  FileHandle handle(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
  SAKER_CHECK(handle.get() >= 0, ErrorCode::io, "[input] standard input cannot be read: {}", system_error_text(errno));
  return handle;
}

// The bytes as they are stored; their beginning can be looked at.
class StoredBytes : public ByteSource {
 public:
  explicit StoredBytes(const std::filesystem::path& path)
      : name_(path == "-" ? "standard input" : path.string()), handle_(open_or_standard_input(path)), buffer_(kPiece) {}

  const std::string& name() const noexcept { return name_; }

  bool begins_with(std::string_view magic) {
    while (static_cast<size_t>(end_ - next_) < magic.size() && refill(/*keep=*/true)) {
    }
    return std::string_view(next_, static_cast<size_t>(end_ - next_)).starts_with(magic);
  }

  // What is there without waiting for more, at least a byte unless the end is reached.
  std::string_view available() {
    if (next_ == end_) refill(/*keep=*/false);
    return {next_, static_cast<size_t>(end_ - next_)};
  }
  void consume(size_t size) noexcept { next_ += size; }

  size_t read(char* data, size_t size) override {
    const std::string_view bytes = available().substr(0, size);
    std::memcpy(data, bytes.data(), bytes.size());
    consume(bytes.size());
    return bytes.size();
  }

 private:
  bool refill(bool keep) {
    const size_t kept = keep ? static_cast<size_t>(end_ - next_) : 0;
    std::memmove(buffer_.data(), next_, kept);
    const ssize_t got = ::read(handle_.get(), buffer_.data() + kept, buffer_.size() - kept);
    SAKER_CHECK(got >= 0 || errno != EINTR, ErrorCode::cancelled, "interrupted");
    SAKER_CHECK(got >= 0, ErrorCode::io, "[input] {} cannot be read: {}", name_, system_error_text(errno));
    next_ = buffer_.data();
    end_ = next_ + kept + got;
    return got > 0;
  }

  std::string name_;
  FileHandle handle_;
  std::vector<char> buffer_;
  const char *next_ = buffer_.data(), *end_ = next_;
};

// Members one after the other are one text, as gzip reads them.
class GzipBytes : public ByteSource {
 public:
  explicit GzipBytes(std::unique_ptr<StoredBytes> stored) : stored_(std::move(stored)) {
    constexpr int kGzip = 16 + MAX_WBITS;
    SAKER_CHECK(::inflateInit2(&stream_, kGzip) == Z_OK, ErrorCode::out_of_memory, "[input] no memory for gzip");
  }
  GzipBytes(const GzipBytes&) = delete;
  ~GzipBytes() override { ::inflateEnd(&stream_); }

  size_t read(char* data, size_t size) override {
    const size_t wanted = std::min<size_t>(size, std::numeric_limits<uInt>::max());
    stream_.next_out = reinterpret_cast<Bytef*>(data);
    stream_.avail_out = static_cast<uInt>(wanted);
    while (stream_.avail_out == wanted && wanted > 0) {
      const std::string_view input = stored_->available();
      if (input.empty() && between_members_) return 0;
      SAKER_CHECK(!input.empty(), ErrorCode::corrupt_data, "[input] {}: expected more gzip data, found the end",
                  stored_->name());
      inflate(input);
    }
    return wanted - stream_.avail_out;
  }

 private:
  void inflate(std::string_view input) {
    if (between_members_) ::inflateReset(&stream_);
    between_members_ = false;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
    const int result = ::inflate(&stream_, Z_NO_FLUSH);
    SAKER_CHECK(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR, ErrorCode::corrupt_data,
                "[input] {}: expected gzip data, found {}", stored_->name(),
                stream_.msg ? stream_.msg : "something else");
    stored_->consume(input.size() - stream_.avail_in);
    between_members_ = result == Z_STREAM_END;
  }

  std::unique_ptr<StoredBytes> stored_;
  z_stream stream_{};
  bool between_members_ = false;
};

// Frames one after the other are one text. Windows of any size that zstd can make.
class ZstdBytes : public ByteSource {
 public:
  explicit ZstdBytes(std::unique_ptr<StoredBytes> stored) : stored_(std::move(stored)), stream_(ZSTD_createDCtx()) {
    SAKER_CHECK(stream_ != nullptr, ErrorCode::out_of_memory, "[input] no memory for zstd");
    const ZSTD_bounds window = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, window.upperBound);
  }

  size_t read(char* data, size_t size) override {
    ZSTD_outBuffer output{data, size, 0};
    while (output.pos == 0 && size > 0) {
      const std::string_view bytes = stored_->available();
      if (bytes.empty() && between_frames_) return 0;
      ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
      const size_t result = ZSTD_decompressStream(stream_.get(), &output, &input);
      SAKER_CHECK(!ZSTD_isError(result), ErrorCode::corrupt_data, "[input] {}: expected zstd data, found: {}",
                  stored_->name(), ZSTD_getErrorName(result));
      SAKER_CHECK(!bytes.empty() || output.pos > 0, ErrorCode::corrupt_data,
                  "[input] {}: expected more zstd data, found the end", stored_->name());
      stored_->consume(input.pos);
      between_frames_ = result == 0;
    }
    return output.pos;
  }

 private:
  struct Release {
    void operator()(ZSTD_DCtx* stream) const noexcept { ZSTD_freeDCtx(stream); }
  };
  std::unique_ptr<StoredBytes> stored_;
  std::unique_ptr<ZSTD_DCtx, Release> stream_;
  bool between_frames_ = false;
};

// As parallel compressors put in front: magic 0x184D2A50 to 5F, little-endian.
bool begins_with_skippable_frame(StoredBytes& stored) {
  for (char low = 0x50; low <= 0x5F; ++low)
    if (stored.begins_with(std::string{low, '\x2a', '\x4d', '\x18'})) return true;
  return false;
}

}  // namespace

std::unique_ptr<ByteSource> open_byte_source(const std::filesystem::path& path) {
  auto stored = std::make_unique<StoredBytes>(path);
  if (stored->begins_with("\x1f\x8b")) return std::make_unique<GzipBytes>(std::move(stored));
  if (stored->begins_with("\x28\xb5\x2f\xfd") || begins_with_skippable_frame(*stored))
    return std::make_unique<ZstdBytes>(std::move(stored));
  return stored;
}

}  // namespace saker
