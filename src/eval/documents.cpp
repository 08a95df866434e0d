#include "eval/documents.h"

#include <simdjson.h>

#include <fstream>

#include "core/error.h"
#include "io/file_handle.h"
#include "io/read_file.h"

namespace saker {

namespace {

std::string_view what_is_wrong(simdjson::error_code error) {
  switch (error) {
    case simdjson::UTF8_ERROR: return "bytes that are not UTF-8";
    case simdjson::NO_SUCH_FIELD: return "none";
    case simdjson::INCORRECT_TYPE: return "another value";
    default: return "broken JSON";
  }
}

bool is_json_lines(const std::filesystem::path& file) {
  return file.extension() == ".jsonl" || file.extension() == ".json";
}

}  // namespace

void for_each_document(const std::filesystem::path& file, const std::function<bool(std::string_view)>& visit) {
  if (!is_json_lines(file)) {
    const std::string text = read_file(file);
    SAKER_CHECK(simdjson::validate_utf8(text), ErrorCode::corrupt_data, "[documents] {}: expected UTF-8 text",
                file.string());
    visit(text);
    return;
  }
  open_for_reading(file);  // for the errors that it names
  std::ifstream lines(file, std::ios::binary);
  simdjson::dom::parser parser;
  std::string line;
  for (int64_t number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::string_view text;
    simdjson::error_code error = parser.parse(line)["text"].get(text);
    SAKER_CHECK(error == simdjson::SUCCESS, ErrorCode::corrupt_data,
                "[documents] {}, line {}: expected a JSON object with a string \"text\", found {}", file.string(),
                number, what_is_wrong(error));
    if (!visit(text)) return;
  }
}

}  // namespace saker
