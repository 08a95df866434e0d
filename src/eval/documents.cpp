#include "eval/documents.h"

#include <simdjson.h>

#include <fstream>

#include "core/error.h"
#include "io/file_handle.h"
#include "io/read_file.h"

namespace saker {

namespace {

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
                "[documents] {}, line {}: expected a JSON object with a string \"text\"; {}", file.string(), number,
                simdjson::error_message(error));
    if (!visit(text)) return;
  }
}

}  // namespace saker
