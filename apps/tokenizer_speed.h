// How fast a tokenizer encodes documents: what `saker bench --tokenizer` reports.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace saker::apps {

struct TokenizerSpeed {
  int64_t bytes = 0, tokens = 0;         // of all documents
  std::vector<double> bytes_per_second;  // of each repeat
};

// Encodes each document by itself, without special tokens, on one thread; reading them is outside the clock.
// `text_file`: JSON Lines with the field "text" if its name ends in .jsonl, else one document.
TokenizerSpeed measure_tokenizer(const std::string& tokenizer_file, const std::string& text_file, int repeats);

}  // namespace saker::apps
