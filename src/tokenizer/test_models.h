// Small tokenizers for tests, built in memory.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/utf8.h"

namespace saker::test {

using nlohmann::json;

inline json byte_level(bool add_prefix_space = false, bool use_regex = true) {
  return {
      {"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

inline json added_token(int id, const std::string& content, json flags = json::object()) {
  json token = {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", false}};
  token.update(flags);
  return token;
}

// Byte b has id b; merge k, written as symbols of the byte alphabet, makes id 256 + k.
inline json tiny_document(const std::vector<std::pair<std::string, std::string>>& merges = {}) {
  json vocab = json::object(), pairs = json::array();
  for (int byte = 0; byte < 256; ++byte) {
    std::string symbol;
    utf8::append(byte_alphabet::symbols[static_cast<size_t>(byte)], symbol);
    vocab[symbol] = byte;
  }
  for (const auto& [left, right] : merges) {
    vocab[left + right] = vocab.size();
    pairs.push_back({left, right});
  }
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level()},
          {"post_processor", nullptr},
          {"decoder", byte_level()},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", pairs}}}};
}

inline Tokenizer load(const json& document) {
  return Tokenizer::from_json(document.dump());
}

}  // namespace saker::test
