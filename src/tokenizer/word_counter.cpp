#include "tokenizer/word_counter.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>
#include <utility>

#include "core/error.h"

namespace saker {

namespace {

// Enough for every thread to have many texts, little beside the table of words.
constexpr size_t kBatchBytes = size_t{16} << 20;

FastSplitter compile(const PreTokenizer& pre_tokenizer) {
  auto splitter = FastSplitter::compile(pre_tokenizer.stages());
  SAKER_CHECK(splitter && !splitter->add_prefix_space(), ErrorCode::unsupported,
              "[tokenizer] training is not supported with these stages of the pre-tokenizer");
  return *std::move(splitter);
}

LiteralMatcher matcher(const std::vector<std::string>& literals) {
  std::vector<std::pair<std::string, int32_t>> numbered;
  for (const std::string& literal : literals) numbered.emplace_back(literal, static_cast<int32_t>(numbered.size()));
  return LiteralMatcher(std::move(numbered));
}

}  // namespace

WordCounter::WordCounter(const PreTokenizer& pre_tokenizer, const std::vector<std::string>& special_tokens, int threads)
    : splitter_(compile(pre_tokenizer)), special_(matcher(special_tokens)), shares_(static_cast<size_t>(threads)) {}

void WordCounter::add(std::string_view text) {
  batch_ += text;
  ends_.push_back(batch_.size());
  bytes_ += static_cast<int64_t>(text.size());
  if (batch_.size() >= kBatchBytes) count_batch();
}

void WordCounter::count_batch() {
  std::atomic<size_t> next = 0;
  const auto work = [&](Share& share) {
    for (size_t i; (i = next.fetch_add(1)) < ends_.size();) {
      const size_t begin = i == 0 ? 0 : ends_[i - 1];
      count_text(std::string_view(batch_).substr(begin, ends_[i] - begin), share);
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (size_t i = 1; i < shares_.size(); ++i) helpers.emplace_back([&, i] { work(shares_[i]); });
    work(shares_[0]);
  }
  batch_.clear();
  ends_.clear();
}

void WordCounter::count_text(std::string_view text, Share& share) const {
  const auto count_words = [&](std::string_view piece) {
    splitter_.for_each_word(piece, [&](std::string_view word) {
      const auto found = share.words.find(word);
      if (found != share.words.end())
        ++found->second;
      else
        share.words.emplace(word, 1);
    });
  };
  size_t begin = 0;
  for (LiteralMatcher::Match match; special_.find(text, begin, match); begin = match.end) {
    count_words(text.substr(begin, match.begin - begin));
    ++share.special_tokens;
  }
  count_words(text.substr(begin));
}

std::vector<CountedWord> WordCounter::finish() {
  count_batch();
  Counts all = std::move(shares_[0].words);
  for (size_t i = 1; i < shares_.size(); ++i)
    for (const auto& [word, count] : std::exchange(shares_[i].words, {})) all[word] += count;
  std::vector<CountedWord> words;
  words.reserve(all.size());
  while (!all.empty()) {
    auto node = all.extract(all.begin());
    words.push_back({std::move(node.key()), node.mapped()});
  }
  std::ranges::sort(words, {}, &CountedWord::bytes);
  return words;
}

int64_t WordCounter::special_tokens() const noexcept {
  return std::accumulate(shares_.begin(), shares_.end(), int64_t{0},
                         [](int64_t sum, const Share& share) { return sum + share.special_tokens; });
}

}  // namespace saker
