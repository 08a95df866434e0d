// Text to token ids and back: byte-level BPE as published in tokenizer.json files, equal to the HF `tokenizers`
// library.
//
//   const auto tokenizer = saker::Tokenizer::from_file("model/tokenizer.json");
//   const std::vector<int32_t> ids = tokenizer.encode("Once upon a time", true);
//   const std::string text = tokenizer.decode(ids, true);
//
// Supported stages: normalizers NFC NFD NFKC NFKD Replace Prepend Lowercase; pre-tokenizers ByteLevel Digits
// Punctuation Split; model BPE; post-processors ByteLevel TemplateProcessing (single texts); decoders ByteLevel Fuse;
// Sequence of each; added tokens with all their flags. Anything else in the file that would change a result is an Error
// that names it: padding, truncation, dropout, unknown tokens, byte fallback, subword prefixes, other stages, unknown
// fields.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace saker {

// Immutable after it is loaded: every function may be called from any number of threads at once.
class Tokenizer {
 public:
  // Throws Error: not_found or io, corrupt_data (no JSON, contradictory, ill-formed stages), unsupported.
  static Tokenizer from_file(const std::filesystem::path& path);
  static Tokenizer from_json(std::string_view json);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // The ids of `text`. `add_special_tokens`: with what the post-processor puts around a text.
  // A byte without a token (some vocabularies lack control characters) leaves no trace.
  // Throws Error: invalid_argument if `text` is not valid UTF-8; unsupported if a regular expression of the file needs
  // too many steps on it.
  std::vector<int32_t> encode(std::string_view text, bool add_special_tokens) const;

  // The same, appended to `out`.
  void encode_to(std::string_view text, bool add_special_tokens, std::vector<int32_t>& out) const;

  // Each text by itself, by `threads` threads (at least 1). Throws what encode would throw for the first bad text.
  std::vector<std::vector<int32_t>> encode_batch(std::span<const std::string_view> texts, bool add_special_tokens,
                                                 int threads) const;

  // The text of `ids`, always valid UTF-8: U+FFFD stands for bytes that form no character. Ids without a token stand
  // for nothing. `skip_special_tokens` leaves special tokens out.
  std::string decode(std::span<const int32_t> ids, bool skip_special_tokens) const;

  // Number of tokens, added ones included. A model's own vocabulary may be padded beyond it.
  size_t vocab_size() const noexcept;

  // As written in the file: byte-level tokens in the byte alphabet ("Ġthe").
  std::optional<int32_t> token_to_id(std::string_view token) const;
  std::optional<std::string_view> id_to_token(int64_t id) const;

  // Whether decoding can skip the token; false for an id without a token.
  bool is_special(int64_t id) const noexcept;

  // The bytes that the token adds to a decoded text; they may be part of a character. Empty for an id without a token.
  std::string_view token_bytes(int64_t id) const noexcept;

  // What decoding puts between two tokens: nothing, unless the file has no decoder.
  std::string_view token_separator() const noexcept;

 private:
  class Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);

  std::unique_ptr<const Impl> impl_;
};

}  // namespace saker
