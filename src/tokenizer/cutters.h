// The hand-written cutters of FastSplitter. Each returns the end of the first piece of [begin, end), which must be
// valid UTF-8 and not empty.
#pragma once

namespace saker::cutters {

using Cutter = const char* (*)(const char* begin, const char* end);

// ByteLevel's own expression (gpt2_expression).
const char* gpt2(const char* begin, const char* end);

// The expression of Llama 3, and with single digits that of Qwen 2.
inline constexpr const char* llama3_expression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr const char* qwen2_expression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const char* llama3(const char* begin, const char* end);
const char* qwen2(const char* begin, const char* end);

// Groups of three digits from the left, and what lies between them. Text or byte symbols.
inline constexpr const char* three_digits_expression = "[0-9][0-9][0-9]";
const char* three_digits(const char* begin, const char* end);

// Digits and Punctuation: runs of members of the class and runs of others, or members one by one.
const char* digit_runs(const char* begin, const char* end);
const char* single_digits(const char* begin, const char* end);
const char* punctuation_runs(const char* begin, const char* end);
const char* single_punctuation(const char* begin, const char* end);

// The same behind ByteLevel, where each byte is a character: its symbol.
const char* digit_symbol_runs(const char* begin, const char* end);
const char* single_digit_symbols(const char* begin, const char* end);
const char* punctuation_symbol_runs(const char* begin, const char* end);
const char* single_punctuation_symbols(const char* begin, const char* end);

}  // namespace saker::cutters
