#include "tokenizer/tokenizer_json.h"

#include <nlohmann/json.hpp>

namespace saker {

namespace {

using Json = nlohmann::ordered_json;

Json special_token(const VocabularyEntry& entry) {
  return {{"id", entry.id},  {"content", entry.token}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false},    {"special", true}};
}

}  // namespace

Json byte_level_stage(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

std::string tokenizer_json(const std::vector<VocabularyEntry>& vocabulary, const std::vector<std::string>& merges,
                           const Json& pre_tokenizer) {
  Json::object_t vocab;  // with special tokens, too: one that is only added would take the next free id
  Json added = Json::array();
  for (const VocabularyEntry& entry : vocabulary) {
    // Past the map's own insertion, which searches all that are there.
    static_cast<Json::object_t::Container&>(vocab).emplace_back(entry.token, entry.id);
    if (entry.special) added.push_back(special_token(entry));
  }
  const Json model{{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", false},
                   {"vocab", std::move(vocab)},
                   {"merges", merges}};
  const Json tokenizer{{"version", "1.0"},
                       {"truncation", nullptr},
                       {"padding", nullptr},
                       {"added_tokens", added},
                       {"normalizer", nullptr},
                       {"pre_tokenizer", pre_tokenizer},
                       {"post_processor", nullptr},
                       {"decoder", byte_level_stage(true)},
                       {"model", model}};
  return tokenizer.dump(1) + "\n";
}

}  // namespace saker
