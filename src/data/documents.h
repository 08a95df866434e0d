// Documents of text files: what training reads and evaluation scores.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "data/line_faults.h"

namespace saker {

// *.jsonl, *.json and "-" (standard input): JSON Lines, a member of each object, empty lines left out; any other file:
// one document. Each may be compressed with gzip or zstd, whatever its name (.gz, .zst) says.
class DocumentReader {
 public:
  // Lines of JSON Lines without a text: `skip`, if given, is called for each, and the next line is read.
  // Throws not_found, invalid_argument for what is no file, io.
  explicit DocumentReader(const std::filesystem::path& file, std::string text_field = "text",
                          std::function<void(const BadLine&)> skip = {});
  DocumentReader(DocumentReader&&) noexcept;
  ~DocumentReader();

  // The next document, valid until the next call, one in memory at a time; false: there is none. Throws io, and
  // corrupt_data naming the line, unless it is skipped: no JSON object, no text in it, not UTF-8; or damage of a
  // compressed file.
  bool next(std::string_view& text);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Calls visit(text) for each document, in order. `visit` returning false ends it. Throws as DocumentReader does.
void for_each_document(const std::filesystem::path& file, const std::function<bool(std::string_view)>& visit);

// "web" for corpus/web.jsonl.zst; "stdin" for "-".
std::string source_name(const std::filesystem::path& file);

}  // namespace saker
