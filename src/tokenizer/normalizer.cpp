#include "tokenizer/normalizer.h"

#include <utf8proc.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/unicode_form.h"
#include "tokenizer/utf8.h"

namespace saker {
namespace {

std::string apply_step(const UnicodeForm& form, std::string_view text) {
  std::string out;
  append_normal_form(text, form.compose, form.compatibility, out);
  return out;
}

std::string apply_step(const Replacement& step, std::string_view text) {
  std::string out;
  for (const auto& [span, is_match] : step.pattern.segments(text))
    out += is_match ? std::string_view(step.content) : text.substr(span.begin, span.end - span.begin);
  return out;
}

std::string apply_step(const Prefix& step, std::string_view text) {
  return text.empty() ? std::string() : step.text + std::string(text);
}

std::string apply_step(const Lowercase&, std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto [c, length] = utf8::decode(text.data() + i);
    i += length;
    // The one character whose full mapping is longer than the simple one.
    if (c == U'\u0130')
      out += "i\u0307";
    else
      utf8::append(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), out);
  }
  return out;
}

// Whether the step leaves every ASCII text as it is.
bool keeps_ascii(const UnicodeForm&) {
  return true;
}
template <class Step>
bool keeps_ascii(const Step&) {
  return false;
}

}  // namespace

Normalizer Normalizer::from_json(const nlohmann::json& value) {
  Normalizer normalizer;
  if (!value.is_null()) normalizer.add(value, 0);
  return normalizer;
}

void Normalizer::add(const nlohmann::json& value, int depth) {
  check_sequence_depth(depth);
  const std::string type = JsonObject(value, "normalizer").string("type");
  const std::string stage = "normalizer " + saker::quoted(type);
  const JsonObject object(value, stage);
  if (type == "Sequence") {
    object.allow_only({"type", "normalizers"});
    for (const auto& step : object.array("normalizers")) add(step, depth + 1);
  } else if (type == "NFC" || type == "NFD" || type == "NFKC" || type == "NFKD") {
    object.allow_only({"type"});
    steps_.emplace_back(UnicodeForm{type.back() == 'C', type.size() == 4});
  } else if (type == "Replace") {
    object.allow_only({"type", "pattern", "content"});
    steps_.emplace_back(Replacement{Pattern::from_json(object.at("pattern"), stage), object.string("content")});
  } else if (type == "Prepend") {
    object.allow_only({"type", "prepend"});
    steps_.emplace_back(Prefix{object.string("prepend")});
  } else if (type == "Lowercase") {
    object.allow_only({"type"});
    steps_.emplace_back(Lowercase{});
  } else {
    fail(ErrorCode::unsupported, "[tokenizer] {} is not supported", stage);
  }
}

std::string_view Normalizer::apply(std::string_view text, std::string& buffer) const {
  std::string_view current = text;
  for (const Step& step : steps_) {
    std::visit(
        [&](const auto& kind) {
          if (keeps_ascii(kind) && utf8::ascii_prefix(current) == current.size()) return;
          buffer = apply_step(kind, current);  // made apart first: `current` may be a view of the buffer
          current = buffer;
        },
        step);
  }
  return current;
}

}  // namespace saker
