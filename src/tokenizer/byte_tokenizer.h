// A tokenizer that needs no training: one token per byte and one that ends a text.
#pragma once

#include <cstdint>
#include <string>

namespace saker {

inline constexpr int32_t byte_tokenizer_size = 257;

// tokenizer.json, which HF `tokenizers` reads, too. The bytes take the ids from 0 upwards in order and leave out
// `end_of_text`, the id of the special token "<|endoftext|>". Any text survives encoding and decoding.
std::string byte_tokenizer_json(int32_t end_of_text);

// tokenizer_config.json beside it.
std::string byte_tokenizer_config_json();

}  // namespace saker
