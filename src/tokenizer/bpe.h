// Byte-pair encoding of one word: the adjacent pair of the lowest rank merges first, the leftmost of equals, until no
// pair merges. A character without a token is dropped before the merges, so that its neighbours may merge across it.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/merge_table.h"
#include "tokenizer/vocabulary.h"

namespace saker {

// Memory that encode() uses again from word to word.
struct BpeScratch {
  std::vector<int32_t> ids;
  std::vector<Merge> merges;  // [i]: of the symbol i and the one after it
  std::vector<uint32_t> previous, next;
  std::vector<uint64_t> queue;  // heap of rank << 32 | position
};

class Bpe {
 public:
  // The `model` of a tokenizer.json. `only_byte_symbols` says that words consist of byte symbols, so that fields about
  // unknown characters have no effect if every byte has a token. Throws Error for fields with an effect that is not
  // supported: dropout, unknown token, byte fallback, prefixes and suffixes of subwords.
  static Bpe from_json(const nlohmann::json& model, bool only_byte_symbols);

  // Appends the ids of `word` (valid UTF-8, as the pre-tokeniser made it).
  // Cost: n log n in the number of characters, whatever they are.
  void encode(std::string_view word, BpeScratch& scratch, std::vector<int32_t>& out) const;

  const Vocabulary& vocabulary() const noexcept { return vocabulary_; }

 private:
  Bpe() = default;
  void read_merges(const nlohmann::json& merges);
  void find_symbols();
  bool every_byte_has_a_token() const;
  int32_t symbol(char32_t c) const noexcept;
  void merge_short(BpeScratch& scratch) const;
  void merge_long(BpeScratch& scratch) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  bool ignore_merges_ = false;                                   // a word that is a token is that token
  std::array<int32_t, byte_alphabet::last_symbol + 1> symbols_;  // id of each single character, -1 if none
  std::unordered_map<char32_t, int32_t> other_symbols_;          // beyond the byte alphabet
};

}  // namespace saker
