#include "tokenizer/unicode_form.h"

#include <utf8proc.h>

#include <vector>

#include "core/error.h"
#include "tokenizer/code_point_set.h"
#include "tokenizer/utf8.h"

namespace saker {
namespace {

// Characters of Unicode 10 to 15 that normalisation touches now and that the reference's tables do not know:
// combining marks, decomposable characters, and 11930, which composes with 11935.
constexpr unicode::CodePointRange inert[] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
    {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
    {0x32FF, 0x32FF},   {0xA7F2, 0xA7F4},   {0xA82C, 0xA82C},   {0xAB69, 0xAB69},   {0x10781, 0x10785},
    {0x10787, 0x107B0}, {0x107B2, 0x107BA}, {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF},
    {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E},
    {0x11839, 0x1183A}, {0x11930, 0x11930}, {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943},
    {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42},
    {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x16FF0, 0x16FF1}, {0x1E030, 0x1E06D},
    {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
    {0x1F16C, 0x1F16C}, {0x1FBF0, 0x1FBF9}};

// Normalises a stretch by the library. Bad sizes cannot happen: `text` is valid UTF-8.
void append_stretch(std::string_view text, utf8proc_option_t options, std::string& out) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto size = static_cast<utf8proc_ssize_t>(text.size());
  std::vector<utf8proc_int32_t> characters(text.size() + 32);
  auto count =
      utf8proc_decompose(bytes, size, characters.data(), static_cast<utf8proc_ssize_t>(characters.size()), options);
  if (count > static_cast<utf8proc_ssize_t>(characters.size())) {  // it expands; now the size is known
    characters.resize(static_cast<size_t>(count));
    count = utf8proc_decompose(bytes, size, characters.data(), count, options);
  }
  if (count > 0) count = utf8proc_normalize_utf32(characters.data(), count, options);
  SAKER_CHECK(count >= 0, ErrorCode::internal, "[tokenizer] Unicode normalisation: {}", utf8proc_errmsg(count));
  for (utf8proc_ssize_t i = 0; i < count; ++i) utf8::append(static_cast<char32_t>(characters[i]), out);
}

// Bytes of `text` up to the next place where a normal form can be cut: before an ASCII character (nothing composes
// with it from the left) or around an inert one. `text` begins with a character that is not inert.
size_t stretch_length(std::string_view text) {
  size_t at = utf8::decode(text.data()).length;
  while (at < text.size() && static_cast<unsigned char>(text[at]) >= 0x80) {
    const auto [c, length] = utf8::decode(text.data() + at);
    if (unicode::contains(inert, c)) break;
    at += length;
  }
  return at;
}

}  // namespace

void append_normal_form(std::string_view text, bool compose, bool compatibility, std::string& out) {
  const auto options = static_cast<utf8proc_option_t>(
      UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) | (compatibility ? UTF8PROC_COMPAT : 0));
  while (!text.empty()) {
    const size_t ascii = utf8::ascii_prefix(text);
    // The last ASCII character may compose with what follows.
    const size_t plain = ascii == text.size() ? ascii : ascii - (ascii > 0);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) return;
    const auto [c, length] = utf8::decode(text.data());
    const bool is_inert = unicode::contains(inert, c);
    const size_t stretch = is_inert ? length : stretch_length(text);
    if (is_inert)
      out += text.substr(0, stretch);
    else
      append_stretch(text.substr(0, stretch), options, out);
    text.remove_prefix(stretch);
  }
}

}  // namespace saker
