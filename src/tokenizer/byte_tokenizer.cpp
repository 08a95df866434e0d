#include "tokenizer/byte_tokenizer.h"

#include <nlohmann/json.hpp>

#include "tokenizer/byte_alphabet.h"

namespace saker {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kEndOfText = "<|endoftext|>";

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

// With the special token, too: one that is only added would take the next free id.
Json vocabulary(int32_t end_of_text) {
  Json vocab{{kEndOfText, end_of_text}};
  for (int32_t byte = 0; byte < 256; ++byte) {
    std::string symbol;
    byte_alphabet::append_mapped(std::string(1, static_cast<char>(byte)), symbol);
    vocab[symbol] = byte < end_of_text ? byte : byte + 1;
  }
  return vocab;
}

}  // namespace

std::string byte_tokenizer_json(int32_t end_of_text) {
  const Json special{{"id", end_of_text}, {"content", kEndOfText}, {"single_word", false}, {"lstrip", false},
                     {"rstrip", false},   {"normalized", false},   {"special", true}};
  const Json model{{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", false},
                   {"vocab", vocabulary(end_of_text)},
                   {"merges", Json::array()}};
  const Json tokenizer{{"version", "1.0"},
                       {"truncation", nullptr},
                       {"padding", nullptr},
                       {"added_tokens", Json::array({special})},
                       {"normalizer", nullptr},
                       {"pre_tokenizer", byte_level(false)},
                       {"post_processor", nullptr},
                       {"decoder", byte_level(true)},
                       {"model", model}};
  return tokenizer.dump(1) + "\n";
}

std::string byte_tokenizer_config_json() {
  const Json config{{"tokenizer_class", "PreTrainedTokenizerFast"},
                    {"bos_token", kEndOfText},
                    {"eos_token", kEndOfText},
                    {"pad_token", kEndOfText},
                    {"padding_side", "left"},
                    {"clean_up_tokenization_spaces", false},
                    {"model_input_names", {"input_ids", "attention_mask"}}};
  return config.dump(2) + "\n";
}

}  // namespace saker
