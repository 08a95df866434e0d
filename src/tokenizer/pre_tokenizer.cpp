#include "tokenizer/pre_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/unicode.h"

namespace saker {
namespace {

using Words = std::vector<std::string>;

void append_spans(std::string_view text, const std::vector<Span>& spans, Words& out) {
  for (const auto& [begin, end] : spans)
    if (begin < end) out.emplace_back(text.substr(begin, end - begin));
}

void cut(const ByteLevelStage& stage, std::string_view word, Words& out) {
  static const Regex gpt2(gpt2_expression);
  std::string text(stage.add_prefix_space && word.front() != ' ' ? " " : "");
  text += word;
  Words pieces;
  if (stage.use_regex)
    append_spans(text, split(gpt2.segments(text), SplitBehavior::isolated), pieces);
  else
    pieces.push_back(std::move(text));
  for (const std::string& piece : pieces) byte_alphabet::append_mapped(piece, out.emplace_back());
}

void cut(const DigitsStage& stage, std::string_view word, Words& out) {
  const auto behavior = stage.individual ? SplitBehavior::isolated : SplitBehavior::contiguous;
  append_spans(word, split(character_segments(word, unicode::is_number), behavior), out);
}

void cut(const PunctuationStage& stage, std::string_view word, Words& out) {
  append_spans(word, split(character_segments(word, unicode::is_punctuation), stage.behavior), out);
}

void cut(const SplitStage& stage, std::string_view word, Words& out) {
  std::vector<TextSegment> segments = stage.pattern.segments(word);
  if (stage.invert)
    for (TextSegment& segment : segments) segment.is_delimiter = !segment.is_delimiter;
  append_spans(word, split(segments, stage.behavior), out);
}

SplitBehavior behavior_from_name(const std::string& name, std::string_view stage) {
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  fail(ErrorCode::unsupported, "[tokenizer] {}: unknown behavior {}", stage, saker::quoted(name));
}

}  // namespace

PreTokenizer PreTokenizer::from_json(const nlohmann::json& value) {
  PreTokenizer pre_tokenizer;
  if (!value.is_null()) pre_tokenizer.add(value, 0);
  return pre_tokenizer;
}

void PreTokenizer::add(const nlohmann::json& value, int depth) {
  check_sequence_depth(depth);
  const std::string type = JsonObject(value, "pre_tokenizer").string("type");
  const std::string stage = "pre_tokenizer " + saker::quoted(type);
  const JsonObject object(value, stage);
  if (type == "Sequence") {
    object.allow_only({"type", "pretokenizers"});
    for (const auto& step : object.array("pretokenizers")) add(step, depth + 1);
  } else if (type == "ByteLevel") {
    object.allow_only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    stages_.emplace_back(ByteLevelStage{object.boolean("add_prefix_space"), object.boolean_or("use_regex", true)});
  } else if (type == "Digits") {
    object.allow_only({"type", "individual_digits"});
    stages_.emplace_back(DigitsStage{object.boolean("individual_digits")});
  } else if (type == "Punctuation") {
    object.allow_only({"type", "behavior"});
    stages_.emplace_back(PunctuationStage{behavior_from_name(object.string_or("behavior", "Isolated"), stage)});
  } else if (type == "Split") {
    object.allow_only({"type", "pattern", "behavior", "invert"});
    stages_.emplace_back(SplitStage{Pattern::from_json(object.at("pattern"), stage),
                                    behavior_from_name(object.string("behavior"), stage), object.boolean("invert")});
  } else {
    fail(ErrorCode::unsupported, "[tokenizer] {} is not supported", stage);
  }
}

std::vector<std::string> PreTokenizer::words(std::string_view text) const {
  Words words;
  if (!text.empty()) words.emplace_back(text);
  for (const PreTokenizerStage& stage : stages_) {
    Words next;
    for (const std::string& word : words) std::visit([&](const auto& kind) { cut(kind, word, next); }, stage);
    words = std::move(next);
  }
  return words;
}

bool PreTokenizer::yields_byte_symbols() const noexcept {
  return std::ranges::any_of(
      stages_, [](const PreTokenizerStage& stage) { return std::holds_alternative<ByteLevelStage>(stage); });
}

}  // namespace saker
