#include "tokenizer/cutters.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/unicode.h"
#include "tokenizer/utf8.h"

namespace saker::cutters {
namespace {

using unicode::Class;

struct Classified {
  uint8_t classes;
  const char* next;  // behind the character
};

inline Classified classify(const char* at) {
  const auto byte = static_cast<unsigned char>(*at);
  if (byte < 0x80) return {unicode::detail::ascii_classes[byte], at + 1};
  const auto [c, length] = utf8::decode(at);
  return {unicode::class_beyond_ascii(c), at + length};
}

constexpr uint8_t word_or_space = Class::letter | Class::number | Class::space;

inline bool is_letter(uint8_t classes) {
  return classes & Class::letter;
}
inline bool is_number(uint8_t classes) {
  return classes & Class::number;
}
inline bool is_space(uint8_t classes) {
  return classes & Class::space;
}
inline bool is_other(uint8_t classes) {
  return !(classes & word_or_space);
}

// Skips characters while `belongs(classes)`.
template <class Belongs>
inline const char* skip(const char* at, const char* end, Belongs belongs) {
  while (at < end) {
    const auto [classes, next] = classify(at);
    if (!belongs(classes)) break;
    at = next;
  }
  return at;
}

// \s+(?!\S)|\s+ : the white space at `begin`, but for its last character if more text follows and it is not the only
// one.
const char* white_space(const char* begin, const char* end) {
  const char* last = begin;
  const char* at = begin;
  while (at < end) {
    const auto [classes, next] = classify(at);
    if (!is_space(classes)) break;
    last = at;
    at = next;
  }
  return at == end || last == begin ? at : last;
}

// Length of 's 't 'm 'd 're 've 'll at `begin`, an apostrophe; 0 if there is none.
size_t contraction(const char* begin, const char* end) {
  if (end - begin < 2) return 0;
  if (std::strchr("stmd", begin[1]) && begin[1] != '\0') return 2;
  if (end - begin < 3) return 0;
  const bool two = (begin[2] == 'e' && (begin[1] == 'r' || begin[1] == 'v')) || (begin[1] == 'l' && begin[2] == 'l');
  return two ? 3 : 0;
}

// The same without regard to case. U+017F, the long s, is an s.
size_t contraction_any_case(const char* begin, const char* end) {
  if (end - begin >= 3 && begin[1] == '\xC5' && begin[2] == '\xBF') return 3;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  const char folded[] = {'\'', end - begin > 1 ? lower(begin[1]) : '\0', end - begin > 2 ? lower(begin[2]) : '\0'};
  return contraction(folded, folded + (end - begin > 2 ? 3 : end - begin));
}

// \s*[\r\n]+ : up to the last line break of the white space at `begin`; nullptr if it has none.
const char* line_breaks(const char* begin, const char* end) {
  const char* behind_last = nullptr;
  for (const char* at = begin; at < end;) {
    const auto [classes, next] = classify(at);
    if (!is_space(classes)) break;
    if (*at == '\r' || *at == '\n') behind_last = next;
    at = next;
  }
  return behind_last;
}

template <int most_digits>
const char* llama3_like(const char* begin, const char* end) {
  if (*begin == '\'') {
    if (const size_t length = contraction_any_case(begin, end)) return begin + length;
  }
  const auto [classes, next] = classify(begin);
  if (is_letter(classes)) return skip(next, end, is_letter);
  if (is_number(classes)) {
    const char* at = next;
    for (int digits = 1; digits < most_digits && at < end; ++digits) {
      const auto [digit_classes, behind] = classify(at);
      if (!is_number(digit_classes)) break;
      at = behind;
    }
    return at;
  }
  if (*begin != '\r' && *begin != '\n' && next < end && is_letter(classify(next).classes))
    return skip(next, end, is_letter);
  const char* text = *begin == ' ' && next < end ? next : begin;
  if (is_other(classify(text).classes)) {
    const char* at = skip(text, end, is_other);
    while (at < end && (*at == '\r' || *at == '\n')) ++at;
    return at;
  }
  const char* broken = line_breaks(begin, end);
  return broken ? broken : white_space(begin, end);
}

// Runs of characters with the class and runs without it.
template <uint8_t wanted>
const char* runs(const char* begin, const char* end) {
  const auto [first, next] = classify(begin);
  if (first & wanted) return skip(next, end, [](uint8_t classes) { return (classes & wanted) != 0; });
  return skip(next, end, [](uint8_t classes) { return (classes & wanted) == 0; });
}

template <uint8_t wanted>
const char* singles(const char* begin, const char* end) {
  const auto [first, next] = classify(begin);
  return first & wanted ? next : skip(next, end, [](uint8_t classes) { return (classes & wanted) == 0; });
}

// Classes of the 256 byte symbols.
std::array<uint8_t, 256> make_symbol_classes() {
  std::array<uint8_t, 256> classes;
  for (size_t byte = 0; byte < 256; ++byte) classes[byte] = unicode::class_of(byte_alphabet::symbols[byte]);
  return classes;
}
const std::array<uint8_t, 256> symbol_classes = make_symbol_classes();

template <uint8_t wanted>
bool has(char byte) {
  return symbol_classes[static_cast<unsigned char>(byte)] & wanted;
}

template <uint8_t wanted>
const char* symbol_runs(const char* begin, const char* end) {
  const bool first = has<wanted>(*begin);
  do ++begin;
  while (begin < end && has<wanted>(*begin) == first);
  return begin;
}

template <uint8_t wanted>
const char* single_symbols(const char* begin, const char* end) {
  return has<wanted>(*begin) ? begin + 1 : symbol_runs<wanted>(begin, end);
}

inline bool three_digits_at(const char* at, const char* end) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return end - at >= 3 && digit(at[0]) && digit(at[1]) && digit(at[2]);
}

}  // namespace

const char* gpt2(const char* begin, const char* end) {
  if (*begin == '\'') {
    if (const size_t length = contraction(begin, end)) return begin + length;
  }
  const char* text = *begin == ' ' && begin + 1 < end ? begin + 1 : begin;
  const auto [classes, next] = classify(text);
  if (is_letter(classes)) return skip(next, end, is_letter);
  if (is_number(classes)) return skip(next, end, is_number);
  if (is_other(classes)) return skip(next, end, is_other);
  return white_space(begin, end);
}

const char* llama3(const char* begin, const char* end) {
  return llama3_like<3>(begin, end);
}
const char* qwen2(const char* begin, const char* end) {
  return llama3_like<1>(begin, end);
}

const char* three_digits(const char* begin, const char* end) {
  if (three_digits_at(begin, end)) return begin + 3;
  do ++begin;
  while (begin < end && !three_digits_at(begin, end));
  return begin;
}

const char* digit_runs(const char* begin, const char* end) {
  return runs<Class::number>(begin, end);
}
const char* single_digits(const char* begin, const char* end) {
  return singles<Class::number>(begin, end);
}
const char* punctuation_runs(const char* begin, const char* end) {
  return runs<Class::punctuation>(begin, end);
}
const char* single_punctuation(const char* begin, const char* end) {
  return singles<Class::punctuation>(begin, end);
}

const char* digit_symbol_runs(const char* begin, const char* end) {
  return symbol_runs<Class::number>(begin, end);
}
const char* single_digit_symbols(const char* begin, const char* end) {
  return single_symbols<Class::number>(begin, end);
}
const char* punctuation_symbol_runs(const char* begin, const char* end) {
  return symbol_runs<Class::punctuation>(begin, end);
}
const char* single_punctuation_symbols(const char* begin, const char* end) {
  return single_symbols<Class::punctuation>(begin, end);
}

}  // namespace saker::cutters
