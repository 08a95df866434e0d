#include "tokenizer/byte_tokenizer.h"

#include <nlohmann/json.hpp>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer_json.h"

namespace saker {

std::string byte_tokenizer_json(int32_t end_of_text) {
  std::vector<VocabularyEntry> vocabulary{{std::string(end_of_text_token), end_of_text, /*special=*/true}};
  for (int32_t byte = 0; byte < 256; ++byte)
    vocabulary.push_back(
        {byte_alphabet::mapped(std::string(1, static_cast<char>(byte))), byte < end_of_text ? byte : byte + 1});
  return tokenizer_json(vocabulary, {}, byte_level_stage(false));
}

std::string byte_tokenizer_config_json() {
  const nlohmann::ordered_json config{{"tokenizer_class", "PreTrainedTokenizerFast"},
                                      {"bos_token", end_of_text_token},
                                      {"eos_token", end_of_text_token},
                                      {"pad_token", end_of_text_token},
                                      {"padding_side", "left"},
                                      {"clean_up_tokenization_spaces", false},
                                      {"model_input_names", {"input_ids", "attention_mask"}}};
  return config.dump(2) + "\n";
}

}  // namespace saker
