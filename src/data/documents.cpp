#include "data/documents.h"

#include <simdjson.h>

#include <cstring>
#include <new>
#include <vector>

#include "core/error.h"
#include "data/byte_source.h"

namespace saker {

namespace {

namespace fs = std::filesystem;

LineFault fault_of(simdjson::error_code error) {
  switch (error) {
    case simdjson::UTF8_ERROR: return LineFault::not_utf8;
    case simdjson::NO_SUCH_FIELD: return LineFault::no_text;
    case simdjson::INCORRECT_TYPE: return LineFault::another_value;
    case simdjson::CAPACITY: return LineFault::too_long;
    case simdjson::MEMALLOC: throw std::bad_alloc();  // no fault of the line
    default: return LineFault::broken_json;
  }
}

fs::path without_compression(const fs::path& file) {
  const bool compressed = file.extension() == ".gz" || file.extension() == ".zst";
  return compressed ? file.parent_path() / file.stem() : file;
}

bool is_json_lines(const fs::path& file) {
  const fs::path extension = without_compression(file).extension();
  return file == "-" || extension == ".jsonl" || extension == ".json";
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

// Lines of any length. Behind each are the bytes that simdjson may read beyond its text.
class LineReader {
 public:
  explicit LineReader(std::unique_ptr<ByteSource> source) : source_(std::move(source)), buffer_(kPiece) {}

  // Without its end; valid until the next call.
  bool next(std::string_view& line) {
    size_t searched = begin_;
    for (;;) {
      const void* found = std::memchr(buffer_.data() + searched, '\n', end_ - searched);
      if (found) return take(line, static_cast<size_t>(static_cast<const char*>(found) - buffer_.data()), 1);
      if (ended_) return begin_ < end_ && take(line, end_, 0);
      refill();
      searched = end_before_refill_;
    }
  }

 private:
  static constexpr size_t kPiece = 1 << 20;

  bool take(std::string_view& line, size_t end, size_t separator) {
    line = {buffer_.data() + begin_, end - begin_};
    begin_ = end + separator;
    return true;
  }

  void refill() {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    end_before_refill_ = end_;
    if (buffer_.size() - end_ < kPiece / 2 + simdjson::SIMDJSON_PADDING) buffer_.resize(2 * buffer_.size());
    const size_t got = source_->read(buffer_.data() + end_, buffer_.size() - end_ - simdjson::SIMDJSON_PADDING);
    end_ += got;
    ended_ = got == 0;
  }

  std::unique_ptr<ByteSource> source_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0, end_before_refill_ = 0;  // what is not taken yet: [begin, end)
  bool ended_ = false;
};

std::string read_all(ByteSource& source) {
  constexpr size_t kPiece = 1 << 20;
  std::string text;
  for (size_t size = 0;;) {
    if (text.size() < size + kPiece) text.resize(std::max(size + kPiece, 2 * size));
    const size_t got = source.read(text.data() + size, text.size() - size);
    size += got;
    if (got == 0) {
      text.resize(size);
      return text;
    }
  }
}

}  // namespace

class DocumentReader::Impl {
 public:
  Impl(const fs::path& file, std::string text_field, std::function<void(const BadLine&)> skip)
      : name_(file == "-" ? "standard input" : file.string()),
        text_field_(std::move(text_field)),
        skip_(std::move(skip)),
        is_json_lines_(saker::is_json_lines(file)),
        source_(open_byte_source(file)) {
    if (is_json_lines_) lines_ = std::make_unique<LineReader>(std::move(source_));
  }

  bool next(std::string_view& text) { return is_json_lines_ ? next_line(text) : whole_file(text); }

 private:
  bool next_line(std::string_view& text) {
    for (std::string_view line; lines_->next(line);) {
      ++number_;
      if (!is_blank(line) && read_text(line, text)) return true;
    }
    return false;
  }

  // False: the line is bad, and skipped.
  bool read_text(std::string_view line, std::string_view& text) {
    const simdjson::error_code error =
        parser_.parse(line.data(), line.size(), /*realloc_if_needed=*/false)[text_field_].get(text);
    if (error == simdjson::SUCCESS) return true;
    const BadLine bad{name_, number_, fault_of(error)};
    SAKER_CHECK(skip_, ErrorCode::corrupt_data,
                "[documents] {}, line {}: expected a JSON object with a string {}, found {}", bad.file, bad.line,
                saker::quoted(text_field_), description(bad.fault));
    skip_(bad);
    return false;
  }

  bool whole_file(std::string_view& text) {
    if (!source_) return false;
    text_ = read_all(*source_);
    source_.reset();
    SAKER_CHECK(simdjson::validate_utf8(text_), ErrorCode::corrupt_data, "[documents] {}: expected UTF-8 text", name_);
    text = text_;
    return true;
  }

  std::string name_, text_field_;
  std::function<void(const BadLine&)> skip_;
  bool is_json_lines_;
  std::unique_ptr<ByteSource> source_;  // of a text that is not read yet
  std::unique_ptr<LineReader> lines_;
  simdjson::dom::parser parser_;
  int64_t number_ = 0;  // of the line
  std::string text_;
};

DocumentReader::DocumentReader(const fs::path& file, std::string text_field, std::function<void(const BadLine&)> skip)
    : impl_(std::make_unique<Impl>(file, std::move(text_field), std::move(skip))) {}
DocumentReader::DocumentReader(DocumentReader&&) noexcept = default;
DocumentReader::~DocumentReader() = default;

bool DocumentReader::next(std::string_view& text) {
  return impl_->next(text);
}

void for_each_document(const fs::path& file, const std::function<bool(std::string_view)>& visit) {
  DocumentReader reader(file);
  for (std::string_view text; reader.next(text);)
    if (!visit(text)) return;
}

std::string source_name(const fs::path& file) {
  return file == "-" ? "stdin" : without_compression(file).stem().string();
}

}  // namespace saker
