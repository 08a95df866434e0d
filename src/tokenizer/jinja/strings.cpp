#include "tokenizer/jinja/strings.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <utility>

#include "tokenizer/utf8.h"

namespace saker::jinja {

namespace {

template <class Function>
void for_each_character(std::string_view text, const Function& function) {
  for (size_t at = 0; at < text.size();) {
    const utf8::Character c = utf8::decode(text.data() + at);
    function(c.code_point, text.substr(at, c.length));
    at += c.length;
  }
}

char32_t upper(char32_t c) {
  return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}
char32_t lower(char32_t c) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}
char32_t title(char32_t c) {
  return static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
}

bool has_case(char32_t c) {
  return upper(c) != c || lower(c) != c;
}

template <class Function>
std::string mapped(std::string_view text, const Function& function) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t c, std::string_view) { utf8::append(function(c), out); });
  return out;
}

template <class Is>
std::string_view strip_those(std::string_view text, Side side, const Is& is) {
  while (side != Side::right && !text.empty()) {
    const utf8::Character c = utf8::decode(text.data());
    if (!is(c.code_point)) break;
    text.remove_prefix(c.length);
  }
  while (side != Side::left && !text.empty()) {
    const utf8::Character c = utf8::decode_last(text);
    if (!is(c.code_point)) break;
    text.remove_suffix(c.length);
  }
  return text;
}

// Whether some characters have case and `convert` leaves all of those as they are.
template <class Convert>
bool all_of_case(std::string_view text, const Convert& convert) {
  bool some = false, all = true;
  for_each_character(text, [&](char32_t c, std::string_view) {
    some |= has_case(c);
    all &= !has_case(c) || convert(c) == c;
  });
  return some && all;
}

bool ends_line(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool printable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return false;
    case UTF8PROC_CATEGORY_ZS: return c == ' ';
    default: return true;
  }
}

}  // namespace

bool is_space(char32_t c) noexcept {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

int64_t length(std::string_view text) noexcept {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  for_each_character(text, [&](char32_t, std::string_view bytes) { out.push_back(bytes); });
  return out;
}

std::string_view strip(std::string_view text, Side side) {
  return strip_those(text, side, is_space);
}

std::string_view strip(std::string_view text, std::string_view set, Side side) {
  std::u32string wanted;
  for_each_character(set, [&](char32_t c, std::string_view) { wanted += c; });
  std::sort(wanted.begin(), wanted.end());
  return strip_those(text, side, [&](char32_t c) { return std::binary_search(wanted.begin(), wanted.end(), c); });
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator, int64_t limit) {
  std::vector<std::string_view> out;
  for (size_t at; limit != 0 && (at = text.find(separator)) != std::string_view::npos; --limit) {
    out.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  out.push_back(text);
  return out;
}

std::vector<std::string_view> split_from_right(std::string_view text, std::string_view separator, int64_t limit) {
  std::vector<std::string_view> out;
  for (size_t at; limit != 0 && (at = text.rfind(separator)) != std::string_view::npos; --limit) {
    out.push_back(text.substr(at + separator.size()));
    text.remove_suffix(text.size() - at);
  }
  out.push_back(text);
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string_view> split_words(std::string_view text, int64_t limit) {
  std::vector<std::string_view> out;
  for (text = strip(text, Side::left); !text.empty(); text = strip(text, Side::left), --limit) {
    size_t end = 0;
    while (limit != 0 && end < text.size()) {
      const utf8::Character c = utf8::decode(text.data() + end);
      if (is_space(c.code_point)) break;
      end += c.length;
    }
    if (limit == 0) end = text.size();
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> out;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const utf8::Character c = utf8::decode(text.data() + at);
    const size_t end = at;
    at += c.length;
    if (!ends_line(c.code_point)) continue;
    if (c.code_point == '\r' && at < text.size() && text[at] == '\n') ++at;
    out.push_back(text.substr(begin, end - begin));
    begin = at;
  }
  if (begin < text.size()) out.push_back(text.substr(begin));
  return out;
}

std::string replace(std::string_view text, std::string_view old, std::string_view with, int64_t limit) {
  std::string out;
  if (old.empty()) {  // before every character, and at the end
    for_each_character(text, [&](char32_t, std::string_view bytes) {
      if (limit != 0) out += with;
      limit -= limit != 0;
      out += bytes;
    });
    if (limit != 0) out += with;
    return out;
  }
  const std::vector<std::string_view> parts = split(text, old, limit);
  for (size_t i = 0; i < parts.size(); ++i) out.append(i ? with : std::string_view()).append(parts[i]);
  return out;
}

std::string upper(std::string_view text) {
  return mapped(text, [](char32_t c) { return upper(c); });
}

std::string lower(std::string_view text) {
  return mapped(text, [](char32_t c) { return lower(c); });
}

std::string capitalize(std::string_view text) {
  bool first = true;
  return mapped(text, [&](char32_t c) { return std::exchange(first, false) ? title(c) : lower(c); });
}

std::string title(std::string_view text) {
  bool begins = true;
  return mapped(text, [&](char32_t c) {
    const char32_t shown = begins ? title(c) : lower(c);
    begins = !has_case(c);
    return shown;
  });
}

std::string title_filter(std::string_view text) {
  bool begins = true;
  return mapped(text, [&](char32_t c) {
    const bool separates =
        is_space(c) || (c < 0x80 && std::string_view("-({[<").find(static_cast<char>(c)) != std::string_view::npos);
    const char32_t shown = begins ? upper(c) : lower(c);
    begins = separates;
    return shown;
  });
}

bool is_upper(std::string_view text) {
  return all_of_case(text, [](char32_t c) { return upper(c); });
}

bool is_lower(std::string_view text) {
  return all_of_case(text, [](char32_t c) { return lower(c); });
}

std::string quoted_text(std::string_view text) {
  const bool single = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = single ? '"' : '\'';
  std::string out(1, quote);
  for_each_character(text, [&](char32_t c, std::string_view bytes) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\\' || c == static_cast<unsigned char>(quote))
      (out += '\\') += static_cast<char>(c);
    else if (printable(c))
      out += bytes;
    else if (c < 0x100)
      out += fmt::format("\\x{:02x}", static_cast<uint32_t>(c));
    else if (c < 0x10000)
      out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    else
      out += fmt::format("\\U{:08x}", static_cast<uint32_t>(c));
  });
  return out + quote;
}

int64_t find(std::string_view text, std::string_view part) {
  const size_t at = text.find(part);
  return at == std::string_view::npos ? -1 : length(text.substr(0, at));
}

int64_t count(std::string_view text, std::string_view part) {
  if (part.empty()) return length(text) + 1;
  return static_cast<int64_t>(split(text, part, -1).size()) - 1;
}

}  // namespace saker::jinja
