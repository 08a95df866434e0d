#include "apps/tokenizer_speed.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "io/json.h"
#include "io/read_file.h"
#include "tokenizer/tokenizer.h"

namespace saker::apps {

namespace {

std::vector<std::string> read_documents(const std::string& file) {
  std::string text = read_file(file);
  if (!file.ends_with(".jsonl")) return {std::move(text)};
  std::vector<std::string> documents;
  std::istringstream lines(std::move(text));
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json row = parse_json(line, "bench", "a line of " + saker::quoted(file, 200));
    const auto found = row.is_object() ? row.find("text") : row.end();
    SAKER_CHECK(found != row.end() && found->is_string(), ErrorCode::corrupt_data,
                "[bench] {}: expected lines with \"text\", a string", saker::quoted(file, 200));
    documents.push_back(found->get<std::string>());
  }
  return documents;
}

int64_t encode_all(const Tokenizer& tokenizer, const std::vector<std::string>& documents) {
  int64_t tokens = 0;
  for (const std::string& document : documents) tokens += std::ssize(tokenizer.encode(document, false));
  return tokens;
}

}  // namespace

TokenizerSpeed measure_tokenizer(const std::string& tokenizer_file, const std::string& text_file, int repeats) {
  const auto tokenizer = Tokenizer::from_file(tokenizer_file);
  const std::vector<std::string> documents = read_documents(text_file);
  TokenizerSpeed speed;
  for (const std::string& document : documents) speed.bytes += std::ssize(document);
  if (!documents.empty()) tokenizer.encode(documents.front(), false);  // as the peer's clock starts, too
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    speed.tokens = encode_all(tokenizer, documents);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    speed.bytes_per_second.push_back(static_cast<double>(speed.bytes) / seconds.count());
  }
  return speed;
}

}  // namespace saker::apps
