#include "tokenizer/post_processor.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tokenizer/json_fields.h"

namespace saker {
namespace {

constexpr std::string_view stage = "post_processor \"TemplateProcessing\"";

std::vector<int32_t> special_ids(const JsonObject& tokens, const std::string& name, int32_t id_end) {
  const JsonObject token(tokens.at(name), stage);
  std::vector<int32_t> ids;
  for (const auto& value : token.array("ids")) {
    ids.push_back(token_id_from_json(value, stage));
    SAKER_CHECK(ids.back() < id_end, ErrorCode::corrupt_data, "[tokenizer] {}: id {} is beyond the vocabulary of {}",
                stage, ids.back(), id_end);
  }
  return ids;
}

}  // namespace

PostProcessor PostProcessor::from_json(const nlohmann::json& value, int32_t id_end) {
  PostProcessor processor;
  if (!value.is_null()) processor.add(value, id_end, 0);
  return processor;
}

void PostProcessor::add(const nlohmann::json& value, int32_t id_end, int depth) {
  check_sequence_depth(depth);
  const JsonObject object(value, "post_processor");
  const std::string type = object.string("type");
  if (type == "Sequence") {
    object.allow_only({"type", "processors"});
    for (const auto& step : object.array("processors")) add(step, id_end, depth + 1);
  } else if (type == "ByteLevel") {
    object.allow_only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  } else if (type == "TemplateProcessing") {
    SAKER_CHECK(!has_template_, ErrorCode::unsupported, "[tokenizer] {}: a second one in a Sequence is not supported",
                stage);
    read_template(value, id_end);
  } else {
    fail(ErrorCode::unsupported, "[tokenizer] post_processor {} is not supported", saker::quoted(type));
  }
}

void PostProcessor::read_template(const nlohmann::json& value, int32_t id_end) {
  const JsonObject object(value, stage);
  object.allow_only({"type", "single", "pair", "special_tokens"});
  const JsonObject tokens(object.at("special_tokens"), stage);
  has_template_ = true;
  template_.clear();
  for (const auto& element : object.array("single")) {
    const JsonObject piece(element, stage);
    piece.allow_only({"SpecialToken", "Sequence"});
    if (piece.has("SpecialToken")) {
      template_.emplace_back(special_ids(tokens, JsonObject(piece.at("SpecialToken"), stage).string("id"), id_end));
      continue;
    }
    const std::string sequence = JsonObject(piece.at("Sequence"), stage).string("id");
    SAKER_CHECK(sequence == "A", ErrorCode::corrupt_data, "[tokenizer] {}: \"single\" has no sequence {}", stage,
                saker::quoted(sequence));
    template_.emplace_back(Text{});
  }
}

bool PostProcessor::is_identity(bool add_special_tokens) const noexcept {
  const auto texts =
      std::ranges::count_if(template_, [](const Piece& piece) { return std::holds_alternative<Text>(piece); });
  return texts == 1 && (template_.size() == 1 || !add_special_tokens);
}

void PostProcessor::apply(std::span<const int32_t> ids, bool add_special_tokens, std::vector<int32_t>& out) const {
  for (const Piece& piece : template_) {
    if (const auto* special = std::get_if<SpecialIds>(&piece)) {
      if (add_special_tokens) out.insert(out.end(), special->begin(), special->end());
    } else {
      out.insert(out.end(), ids.begin(), ids.end());
    }
  }
}

}  // namespace saker
