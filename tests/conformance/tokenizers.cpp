// Vectors of tokenizers: texts with their ids and back, ids with their text, the cases of a GGUF vocabulary file.

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "conformance/conformance.h"
#include "core/error.h"
#include "io/json.h"
#include "io/read_file.h"
#include "tokenizer/streaming_detokenizer.h"
#include "tokenizer/tokenizer.h"

namespace saker::conformance {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Ids = std::vector<int32_t>;

struct Count {
  size_t good = 0, all = 0;
  void add(bool holds) {
    good += holds;
    ++all;
  }
};

std::vector<json> read_lines(const fs::path& path) {
  std::vector<json> rows;
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);)
    rows.push_back(parse_json(line, "conformance", path.filename().string()));
  return rows;
}

std::string stream(const Tokenizer& tokenizer, const Ids& ids, bool skip) {
  StreamingDetokenizer detokenizer(tokenizer, skip);
  std::string text;
  for (const int32_t id : ids) text += detokenizer.push(id);
  return text + detokenizer.flush();
}

// Decodes at once and as a stream.
bool decodes(const Tokenizer& tokenizer, const Ids& ids, bool skip, const std::string& expected) {
  return tokenizer.decode(ids, skip) == expected && stream(tokenizer, ids, skip) == expected;
}

void check_texts(const Tokenizer& tokenizer, const fs::path& path, const std::string& group, Report& report) {
  Count encoded, decoded;
  for (const json& row : read_lines(path)) {
    const auto text = row.at("text").get<std::string>();
    const auto ids = row.at("ids").get<Ids>();
    encoded.add(tokenizer.encode(text, false) == ids &&
                tokenizer.encode(text, true) == row.value("ids_with_special", ids));
    decoded.add(decodes(tokenizer, ids, false, row.value("decoded", text)) &&
                decodes(tokenizer, ids, true, row.value("decoded_skip_special", text)));
  }
  report.count(group + " encode", encoded.good, encoded.all);
  report.count(group + " decode", decoded.good, decoded.all);
}

void check_random_ids(const Tokenizer& tokenizer, const fs::path& path, const std::string& group, Report& report) {
  Count decoded;
  for (const json& row : read_lines(path)) {
    const auto ids = row.at("ids").get<Ids>();
    decoded.add(decodes(tokenizer, ids, false, row.at("decoded").get<std::string>()) &&
                decodes(tokenizer, ids, true, row.at("decoded_skip_special").get<std::string>()));
  }
  report.count(group + " decode random ids", decoded.good, decoded.all);
}

// NAME.inp: cases with a separator line between them. NAME.out: a line of ids for each.
void check_gguf_cases(const Tokenizer& tokenizer, const fs::path& input, const std::string& group, Report& report) {
  constexpr std::string_view separator = "\n__ggml_vocab_test__\n";
  const std::string texts = read_file(input);
  std::istringstream lines(read_file(fs::path(input).replace_extension(".out")));
  Count encoded;
  std::string line;
  for (size_t begin = 0; begin <= texts.size();) {
    if (!std::getline(lines, line)) line.clear();  // the last case is the empty text
    const size_t end = std::min(texts.find(separator, begin), texts.size());
    std::istringstream numbers(line);
    const Ids ids{std::istream_iterator<int32_t>(numbers), {}};
    encoded.add(tokenizer.encode(std::string_view(texts).substr(begin, end - begin), false) == ids);
    begin = end + separator.size();
  }
  report.count(group + " vocabulary file cases", encoded.good, encoded.all);
}

// Sets made with another seed hold the vectors of known tokenizers without the tokenizers.
fs::path find_tokenizer(const fs::path& folder) {
  const fs::path shared = fs::path(SAKER_SOURCE_DIR) / ".." / "shared", name = folder.filename();
  for (const fs::path& place : {folder, folder / ".." / ".." / name, shared / "tokenizer" / name, shared / name})
    if (fs::exists(place / "tokenizer.json")) return place / "tokenizer.json";
  fail(ErrorCode::not_found, "[conformance] no tokenizer.json for the vectors");
}

void check_folder(const fs::path& folder, const std::string& group, Report& report) {
  const auto tokenizer = Tokenizer::from_file(find_tokenizer(folder));
  if (fs::exists(folder / "vectors.jsonl")) check_texts(tokenizer, folder / "vectors.jsonl", group, report);
  if (fs::exists(folder / "decode.jsonl")) check_random_ids(tokenizer, folder / "decode.jsonl", group, report);
  for (const auto& file : fs::directory_iterator(folder))
    if (file.path().extension() == ".inp") check_gguf_cases(tokenizer, file.path(), group, report);
}

}  // namespace

void check_tokenizers(const fs::path& tokenizers, Report& report) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::recursive_directory_iterator(tokenizers))
    if (entry.is_directory() && fs::exists(entry.path() / "vectors.jsonl")) folders.push_back(entry.path());
  std::ranges::sort(folders);
  for (const fs::path& folder : folders) {
    const std::string group = fs::relative(folder, tokenizers).string();
    try {
      check_folder(folder, group, report);
    } catch (const std::exception& error) {
      report.failed(group, error.what());
    }
  }
}

}  // namespace saker::conformance
