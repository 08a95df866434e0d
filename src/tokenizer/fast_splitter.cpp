#include "tokenizer/fast_splitter.h"

#include "tokenizer/cutters.h"

namespace saker {

std::optional<FastSplitter> FastSplitter::compile(const std::vector<PreTokenizerStage>& stages) {
  FastSplitter splitter;
  bool symbols = false;  // whether the stages so far have turned text into byte symbols
  for (const PreTokenizerStage& stage : stages) {
    if (!std::visit([&](const auto& kind) { return splitter.add(kind, symbols); }, stage)) return std::nullopt;
    symbols = symbols || std::holds_alternative<ByteLevelStage>(stage);
  }
  return symbols ? std::optional(std::move(splitter)) : std::nullopt;
}

bool FastSplitter::add(const ByteLevelStage& stage, bool symbols) {
  // Behind a cutter the space would go before every piece, not only before the text.
  if (symbols || (stage.add_prefix_space && !cutters_.empty())) return false;
  add_prefix_space_ = stage.add_prefix_space;
  if (stage.use_regex) cutters_.push_back(cutters::gpt2);
  return true;
}

bool FastSplitter::add(const DigitsStage& stage, bool symbols) {
  if (stage.individual)
    cutters_.push_back(symbols ? cutters::single_digit_symbols : cutters::single_digits);
  else
    cutters_.push_back(symbols ? cutters::digit_symbol_runs : cutters::digit_runs);
  return true;
}

bool FastSplitter::add(const PunctuationStage& stage, bool symbols) {
  if (stage.behavior == SplitBehavior::isolated) {
    cutters_.push_back(symbols ? cutters::single_punctuation_symbols : cutters::single_punctuation);
    return true;
  }
  if (stage.behavior != SplitBehavior::contiguous) return false;
  cutters_.push_back(symbols ? cutters::punctuation_symbol_runs : cutters::punctuation_runs);
  return true;
}

bool FastSplitter::add(const SplitStage& stage, bool symbols) {
  if (stage.behavior != SplitBehavior::isolated) return false;  // where `invert` makes no difference
  const std::string& source = stage.pattern.regex_source();
  if (source == cutters::three_digits_expression)
    cutters_.push_back(cutters::three_digits);
  else if (!symbols && source == cutters::llama3_expression)
    cutters_.push_back(cutters::llama3);
  else if (!symbols && source == cutters::qwen2_expression)
    cutters_.push_back(cutters::qwen2);
  else if (!symbols && source == gpt2_expression)
    cutters_.push_back(cutters::gpt2);
  else
    return false;
  return true;
}

}  // namespace saker
