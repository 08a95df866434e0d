#include "tokenizer/tokenizer_trainer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/tokenizer_json.h"
#include "tokenizer/utf8.h"

namespace saker {

namespace {

// The stages of Falcon's tokenizer.json.
constexpr std::string_view falcon_pre_tokenizer = R"({"type": "Sequence", "pretokenizers": [
  {"type": "Punctuation", "behavior": "Contiguous"},
  {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  {"type": "Digits", "individual_digits": false},
  {"type": "Split", "pattern": {"Regex": "[0-9][0-9][0-9]"}, "behavior": "Isolated", "invert": false}]})";

bool is_byte_symbol(const std::string& token) {
  std::string bytes;
  return byte_alphabet::append_unmapped(token, bytes) && bytes.size() == 1;
}

std::vector<std::string> special_tokens(const TokenizerTraining& training) {
  std::vector<std::string> tokens{std::string(end_of_text_token)};
  for (const std::string& token : training.special_tokens) {
    const auto refuse = [&](std::string_view expected) {
      fail(ErrorCode::invalid_argument, "[tokenizer] expected special tokens that are {}, found {}", expected,
           saker::quoted(token));
    };
    if (token.empty() || token.size() > added_token_length_limit)
      refuse(fmt::format("texts of 1 to {} bytes", added_token_length_limit));
    if (utf8::find_invalid(token) != std::string::npos) refuse("valid UTF-8");
    if (is_byte_symbol(token)) refuse("no symbols of single bytes");
    if (std::ranges::find(tokens, token) != tokens.end()) refuse("all different");
    tokens.push_back(token);
  }
  SAKER_CHECK(training.min_count >= 1 && training.threads >= 1, ErrorCode::invalid_argument,
              "[tokenizer] expected a least count and a number of threads of at least 1, found {} and {}",
              training.min_count, training.threads);
  const auto least = static_cast<int64_t>(tokens.size() + byte_alphabet::ordered.size());
  SAKER_CHECK(training.vocab_size >= least, ErrorCode::invalid_argument,
              "[tokenizer] expected a vocabulary of at least {} tokens, the bytes and the special ones, found {}",
              least, training.vocab_size);
  return tokens;
}

// What products must not spell: in a vocabulary a token is there once.
std::vector<std::string> bytes_taken(const std::vector<std::string>& special_tokens) {
  std::vector<std::string> taken;
  for (const std::string& token : special_tokens)
    if (std::string bytes; byte_alphabet::append_unmapped(token, bytes)) taken.push_back(std::move(bytes));
  return taken;
}

}  // namespace

TokenizerTrainer::TokenizerTrainer(const TokenizerTraining& training)
    : training_(training),
      special_tokens_(saker::special_tokens(training)),
      counter_(PreTokenizer::from_json(nlohmann::json::parse(falcon_pre_tokenizer)), special_tokens_,
               training.threads) {}

TrainedTokenizer TokenizerTrainer::train(const std::function<void(int64_t)>& progress) {
  const std::vector<CountedWord> words = counter_.finish();
  SAKER_CHECK(!words.empty(), ErrorCode::invalid_argument, "[tokenizer] expected text to train on, found none");
  const size_t without_merges = special_tokens_.size() + byte_alphabet::ordered.size();
  const BpeTraining bpe{.most_merges = static_cast<size_t>(training_.vocab_size) - without_merges,
                        .min_count = training_.min_count,
                        .taken = bytes_taken(special_tokens_)};
  TrainedBpe trained = train_bpe(words, bpe, progress);
  const size_t vocab_size = without_merges + trained.merges.size();
  return {.json = json(trained.merges),
          .merges = std::move(trained.merges),
          .vocab_size = static_cast<int64_t>(vocab_size),
          .words = static_cast<int64_t>(words.size()),
          .bytes = counter_.bytes(),
          .tokens = trained.tokens + counter_.special_tokens()};
}

std::string TokenizerTrainer::json(const std::vector<BpeMerge>& merges) const {
  std::vector<std::string> symbols;  // [id of bpe_trainer.h]
  for (const unsigned char byte : byte_alphabet::ordered)
    symbols.push_back(byte_alphabet::mapped(std::string(1, static_cast<char>(byte))));
  std::vector<std::string> lines;
  for (const auto& [left, right] : merges) {
    const std::string &first = symbols[static_cast<size_t>(left)], &second = symbols[static_cast<size_t>(right)];
    lines.push_back(first + " " + second);
    symbols.push_back(first + second);
  }
  std::vector<VocabularyEntry> vocabulary;
  const auto next_id = [&] { return static_cast<int32_t>(vocabulary.size()); };
  for (const std::string& token : special_tokens_) vocabulary.push_back({token, next_id(), /*special=*/true});
  for (std::string& symbol : symbols) vocabulary.push_back({std::move(symbol), next_id()});
  return tokenizer_json(vocabulary, lines, nlohmann::ordered_json::parse(falcon_pre_tokenizer));
}

}  // namespace saker
