// Text to ids, one thread: each document alone, without special tokens; reading and JSON are outside the clock.

#include <fmt/format.h>

#include <chrono>

#include "apps/bench.h"
#include "apps/machine.h"
#include "apps/spread.h"
#include "core/error.h"
#include "data/documents.h"
#include "tokenizer/tokenizer.h"

namespace saker::apps {

void bench_tokenizer(const BenchOptions& options) {
  const Tokenizer tokenizer = Tokenizer::from_file(options.tokenizer);
  std::vector<std::string> texts;
  int64_t bytes = 0;
  for_each_document(options.text, [&](std::string_view text) {
    texts.emplace_back(text);
    bytes += static_cast<int64_t>(text.size());
    return true;
  });
  SAKER_CHECK(bytes > 0, ErrorCode::invalid_argument, "[bench] {}: expected text, found none", options.text);

  int64_t tokens = 0;
  std::vector<double> rates;
  std::vector<int32_t> ids;
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    tokens = 0;
    const auto begin = std::chrono::steady_clock::now();
    for (const std::string& text : texts) {
      ids.clear();
      tokenizer.encode_to(text, /*add_special_tokens=*/false, ids);
      tokens += static_cast<int64_t>(ids.size());
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    rates.push_back(static_cast<double>(bytes) / seconds.count());
  }
  const Spread rate(rates);
  if (options.json) {
    const nlohmann::ordered_json out{{"tokenizer_bytes_per_second", rate.json()},
                                     {"tokens", tokens},
                                     {"bytes", bytes},
                                     {"documents", texts.size()},
                                     {"machine", {{"cpu", this_machine().processor}}},
                                     {"commit", commit()}};
    fmt::print("{}\n", out.dump());
  } else {
    fmt::print("{:.2f} MB/s ({:.2f} to {:.2f}), {} documents, {} bytes, {} tokens\n", rate.median / 1e6, rate.min / 1e6,
               rate.max / 1e6, texts.size(), bytes, tokens);
  }
}

}  // namespace saker::apps
