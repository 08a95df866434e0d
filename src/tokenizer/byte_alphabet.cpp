#include "tokenizer/byte_alphabet.h"

#include "tokenizer/utf8.h"

namespace saker::byte_alphabet {
namespace {

constexpr std::array<int16_t, last_symbol + 1> make_bytes() {
  std::array<int16_t, last_symbol + 1> bytes{};
  bytes.fill(-1);
  for (size_t byte = 0; byte < symbols.size(); ++byte) bytes[symbols[byte]] = static_cast<int16_t>(byte);
  return bytes;
}
constexpr auto bytes_of_symbols = make_bytes();
static_assert(bytes_of_symbols[last_symbol] == 0xAD);

}  // namespace

void append_mapped(std::string_view bytes, std::string& out) {
  for (const char byte : bytes) utf8::append(symbols[static_cast<unsigned char>(byte)], out);
}

std::string mapped(std::string_view bytes) {
  std::string out;
  append_mapped(bytes, out);
  return out;
}

bool append_unmapped(std::string_view text, std::string& out) {
  const size_t before = out.size();
  for (size_t i = 0; i < text.size();) {
    const auto [symbol, length] = utf8::decode(text.data() + i);
    if (symbol > last_symbol || bytes_of_symbols[symbol] < 0) {
      out.resize(before);
      return false;
    }
    out += static_cast<char>(bytes_of_symbols[symbol]);
    i += length;
  }
  return true;
}

}  // namespace saker::byte_alphabet
