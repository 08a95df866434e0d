// The way from text to ids without the post-processor: added tokens, normaliser, words, merges.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/fast_splitter.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/word_cache.h"

namespace saker {

struct EncoderParts {
  AddedTokens added;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Bpe bpe;
};

class Encoder {
 public:
  // `allow_fast` false: always by PreTokenizer, for tests.
  explicit Encoder(EncoderParts parts, bool allow_fast = true);

  // Appends the ids of `text` (valid UTF-8). From any number of threads.
  void encode(std::string_view text, std::vector<int32_t>& out) const;

  const EncoderParts& parts() const noexcept { return parts_; }
  bool is_fast() const noexcept { return fast_.has_value(); }

 private:
  // What one call works with. Contexts are kept for later calls, with the words that they have learnt.
  struct Context {
    WordCache cache;
    BpeScratch scratch;
    std::string normalized, prefixed, symbols;
    std::vector<AddedPiece> raw_pieces, pieces;
  };
  class Lease;

  void encode_text(std::string_view text, Context& context, std::vector<int32_t>& out) const;
  void encode_piece(std::string_view text, Context& context, std::vector<int32_t>& out) const;
  void encode_word(std::string_view word, Context& context, std::vector<int32_t>& out) const;
  void merge_word(std::string_view word, Context& context, std::vector<int32_t>& out) const;

  EncoderParts parts_;
  std::optional<FastSplitter> fast_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Context>> idle_;  // guarded by mutex_
};

}  // namespace saker
