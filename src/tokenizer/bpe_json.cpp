// Reading a BPE model from a tokenizer.json.
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tokenizer/bpe.h"
#include "tokenizer/json_fields.h"

namespace saker {
namespace {

constexpr std::string_view stage = "model \"BPE\"";

struct MergeText {
  std::string left, right;
};

// Two encodings: "left right", or ["left", "right"], which can say tokens that contain a space.
MergeText merge_text(const nlohmann::json& value) {
  if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string())
    return {value[0].get<std::string>(), value[1].get<std::string>()};
  SAKER_CHECK(value.is_string(), ErrorCode::corrupt_data, "[tokenizer] {}: \"merges\": expected two strings, found {}",
              stage, value.type_name());
  const auto& line = value.get_ref<const std::string&>();
  const size_t space = line.find(' ');
  SAKER_CHECK(space != std::string::npos && line.find(' ', space + 1) == std::string::npos, ErrorCode::corrupt_data,
              "[tokenizer] {}: \"merges\": expected \"left right\", found {}", stage, saker::quoted(line));
  return {line.substr(0, space), line.substr(space + 1)};
}

bool is_version_line(const nlohmann::json& value) {
  return value.is_string() && value.get_ref<const std::string&>().starts_with("#version");
}

void check_fields(const JsonObject& object) {
  object.allow_only({"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                     "byte_fallback", "ignore_merges", "vocab", "merges"});
  const std::string type = object.string_or("type", "BPE");  // old files leave it out
  SAKER_CHECK(type == "BPE", ErrorCode::unsupported, "[tokenizer] model {} is not supported; byte-level BPE is",
              saker::quoted(type));
  const bool drops_merges = object.has("dropout") && object.at("dropout") != 0;
  SAKER_CHECK(!drops_merges, ErrorCode::unsupported, "[tokenizer] {}: \"dropout\" is not supported", stage);
  for (const std::string_view field : {"continuing_subword_prefix", "end_of_word_suffix"})
    SAKER_CHECK(object.string_or(field, "").empty(), ErrorCode::unsupported, "[tokenizer] {}: \"{}\" is not supported",
                stage, field);
}

}  // namespace

Bpe Bpe::from_json(const nlohmann::json& model, bool only_byte_symbols) {
  const JsonObject object(model, stage);
  check_fields(object);
  Bpe bpe;
  bpe.vocabulary_ = Vocabulary::from_json(object.at("vocab"));
  bpe.ignore_merges_ = object.boolean_or("ignore_merges", false);
  bpe.find_symbols();
  if (!only_byte_symbols || !bpe.every_byte_has_a_token()) {
    SAKER_CHECK(!object.has("unk_token"), ErrorCode::unsupported,
                "[tokenizer] {}: \"unk_token\" is not supported unless every byte has a token", stage);
    SAKER_CHECK(!object.boolean_or("byte_fallback", false), ErrorCode::unsupported,
                "[tokenizer] {}: \"byte_fallback\" is not supported unless every byte has a token", stage);
  }
  bpe.read_merges(object.array("merges"));
  return bpe;
}

void Bpe::read_merges(const nlohmann::json& merges) {
  merges_ = MergeTable(merges.size());
  const auto id_of = [this](const std::string& token) {
    const auto id = vocabulary_.id(token);
    SAKER_CHECK(id.has_value(), ErrorCode::corrupt_data, "[tokenizer] {}: \"merges\": {} is not in the vocabulary",
                stage, saker::quoted(token));
    return *id;
  };
  uint32_t rank = 0;
  for (const auto& value : merges) {
    if (is_version_line(value)) continue;
    const auto [left, right] = merge_text(value);
    const int32_t left_id = id_of(left), right_id = id_of(right);
    merges_.set(left_id, right_id, {rank++, id_of(left + right)});
  }
}

}  // namespace saker
