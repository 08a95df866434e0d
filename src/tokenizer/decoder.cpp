#include "tokenizer/decoder.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/json_fields.h"

namespace saker {

Decoder Decoder::from_json(const nlohmann::json& value) {
  Decoder decoder;
  if (value.is_null()) return decoder;
  decoder.separator_ = "";
  decoder.add(value, 0);
  return decoder;
}

void Decoder::add(const nlohmann::json& value, int depth) {
  check_sequence_depth(depth);
  const JsonObject object(value, "decoder");
  const std::string type = object.string("type");
  if (type == "Sequence") {
    object.allow_only({"type", "decoders"});
    for (const auto& step : object.array("decoders")) add(step, depth + 1);
  } else if (type == "ByteLevel") {
    object.allow_only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    SAKER_CHECK(!seen_any_, ErrorCode::unsupported,
                "[tokenizer] decoder: ByteLevel behind another decoder is not supported");
    byte_level_ = seen_any_ = true;
  } else if (type == "Fuse") {
    object.allow_only({"type"});
    seen_any_ = true;
  } else {
    fail(ErrorCode::unsupported, "[tokenizer] decoder {} is not supported", saker::quoted(type));
  }
}

void Decoder::append_bytes(std::string_view token, std::string& out) const {
  if (!byte_level_ || !byte_alphabet::append_unmapped(token, out)) out += token;
}

}  // namespace saker
