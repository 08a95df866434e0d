// Writing a byte-level BPE tokenizer as a tokenizer.json, which HF `tokenizers` reads, too.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace saker {

// The special token that ends a text.
inline constexpr std::string_view end_of_text_token = "<|endoftext|>";

struct VocabularyEntry {
  std::string token;  // in the byte alphabet, or the content of a special token
  int32_t id;
  bool special = false;
};

// `vocabulary`: distinct tokens and ids, special tokens among them. `merges`: "left right" in the byte alphabet, the
// first merges first. No normaliser, no post-processor, the decoder of byte symbols.
std::string tokenizer_json(const std::vector<VocabularyEntry>& vocabulary, const std::vector<std::string>& merges,
                           const nlohmann::ordered_json& pre_tokenizer);

// The stage ByteLevel, as pre-tokeniser or decoder.
nlohmann::ordered_json byte_level_stage(bool use_regex);

}  // namespace saker
