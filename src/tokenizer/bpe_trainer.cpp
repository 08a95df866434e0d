#include "tokenizer/bpe_trainer.h"

#include <optional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "core/error.h"

namespace saker {

namespace {

constexpr int32_t kBetweenWords = -1, kInside = -2;

// All words in a row of cells, one a byte, with a cell between words. A symbol is in the first of the cells that it
// covers; their number is in the first and in the last, so that both neighbours are found.
class Row {
 public:
  using Place = uint32_t;

  explicit Row(std::span<const CountedWord> words) {
    size_t cells = 1;
    for (const CountedWord& word : words) cells += word.bytes.size() + 1;
    SAKER_CHECK(cells <= UINT32_MAX, ErrorCode::unsupported,
                "[tokenizer] expected distinct words of at most {} bytes together, found {}", UINT32_MAX, cells);
    symbols_.reserve(cells);
    counts_.reserve(words.size());
    words_.reserve(cells);
    symbols_.push_back(kBetweenWords);
    words_.push_back(0);
    for (const CountedWord& word : words) {
      for (const char byte : word.bytes) symbols_.push_back(byte_alphabet::ranks[static_cast<unsigned char>(byte)]);
      symbols_.push_back(kBetweenWords);
      words_.insert(words_.end(), word.bytes.size() + 1, static_cast<uint32_t>(counts_.size()));
      counts_.push_back(word.count);
    }
    widths_.assign(cells, 1);
  }

  Place size() const noexcept { return static_cast<Place>(symbols_.size()); }
  // kInside where no symbol begins.
  int32_t symbol(Place place) const noexcept { return symbols_[place]; }
  Place next(Place place) const noexcept { return place + widths_[place]; }
  Place previous(Place place) const noexcept { return place - widths_[place - 1]; }
  // How often the word at `place` occurs.
  int64_t count(Place place) const noexcept { return counts_[words_[place]]; }

  // Makes one symbol of the one at `place` and the next.
  void merge(Place place, int32_t product) noexcept {
    const Place right = next(place), width = widths_[place] + widths_[right];
    symbols_[place] = product;
    symbols_[right] = kInside;
    widths_[place] = widths_[place + width - 1] = width;
  }

 private:
  std::vector<int32_t> symbols_;          // [cells]
  std::vector<uint32_t> widths_, words_;  // [cells]
  std::vector<int64_t> counts_;           // [words]
};

class Trainer {
 public:
  Trainer(std::span<const CountedWord> words, const BpeTraining& training)
      : row_(words), min_count_(training.min_count), taken_(training.taken.begin(), training.taken.end()) {
    for (const unsigned char byte : byte_alphabet::ordered) tokens_.emplace_back(1, static_cast<char>(byte));
    for (Row::Place left = 0; left + 1 < row_.size(); ++left) add(left, left + 1);
    offer_new_pairs();
  }

  // Merges the best pair; nothing if none is left.
  std::optional<BpeMerge> merge_best() {
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const auto found = pairs_.find(best.pair);
      if (found == pairs_.end()) continue;
      if (found->second.count < best.count) {  // counts only fall once a pair is offered
        offer(found);
        continue;
      }
      const BpeMerge merge{static_cast<int32_t>(best.pair >> 32), static_cast<int32_t>(best.pair)};
      const std::vector<Row::Place> places = std::move(found->second.places);
      pairs_.erase(found);
      std::string product = tokens_[static_cast<size_t>(merge.left)] + tokens_[static_cast<size_t>(merge.right)];
      if (!taken_.insert(product).second) continue;
      tokens_.push_back(std::move(product));
      merge_at(merge, places);
      return merge;
    }
    return std::nullopt;
  }

  // Symbols of the words, each word as often as it counts.
  int64_t tokens() const noexcept {
    int64_t sum = 0;
    for (Row::Place place = 0; place < row_.size(); place = row_.next(place))
      if (row_.symbol(place) != kBetweenWords) sum += row_.count(place);
    return sum;
  }

 private:
  struct Pair {
    int64_t count = 0;
    std::vector<Row::Place> places;  // of the left symbol; some may have changed since
  };
  using Pairs = std::unordered_map<uint64_t, Pair>;
  struct Candidate {
    int64_t count;
    uint64_t pair;
    bool operator<(const Candidate& other) const noexcept {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  static uint64_t key(int32_t left, int32_t right) noexcept {
    return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  }

  bool is_pair(Row::Place left, Row::Place right) const noexcept {
    return row_.symbol(left) != kBetweenWords && row_.symbol(right) != kBetweenWords;
  }

  void add(Row::Place left, Row::Place right) {
    if (!is_pair(left, right)) return;
    const auto [found, is_new] = pairs_.try_emplace(key(row_.symbol(left), row_.symbol(right)));
    if (is_new) new_pairs_.push_back(found->first);
    found->second.count += row_.count(left);
    found->second.places.push_back(left);
  }

  void remove(Row::Place left, Row::Place right) noexcept {
    if (!is_pair(left, right)) return;
    const auto found = pairs_.find(key(row_.symbol(left), row_.symbol(right)));
    if (found != pairs_.end()) found->second.count -= row_.count(left);
  }

  // Left to right, for occurrences may overlap: places are in order, as all of a pair are found in one pass over them.
  void merge_at(const BpeMerge& merge, const std::vector<Row::Place>& places) {
    const auto product = static_cast<int32_t>(tokens_.size()) - 1;
    for (const Row::Place place : places) {
      if (row_.symbol(place) != merge.left || row_.symbol(row_.next(place)) != merge.right) continue;
      const Row::Place right = row_.next(place), before = row_.previous(place), after = row_.next(right);
      remove(before, place);
      remove(right, after);
      row_.merge(place, product);
      add(before, place);
      add(place, after);
    }
    offer_new_pairs();
  }

  // Every pair that comes with a merge has its product in it: it is new, and its count is final but for falling.
  void offer_new_pairs() {
    for (const uint64_t pair : new_pairs_) offer(pairs_.find(pair));
    new_pairs_.clear();
  }

  void offer(Pairs::iterator pair) {
    if (pair->second.count < min_count_)
      pairs_.erase(pair);
    else
      queue_.push({pair->second.count, pair->first});
  }

  Row row_;
  int64_t min_count_;
  std::vector<std::string> tokens_;        // [id]: bytes
  std::unordered_set<std::string> taken_;  // products, and what none may spell
  Pairs pairs_;
  std::vector<uint64_t> new_pairs_;
  std::priority_queue<Candidate> queue_;
};

}  // namespace

TrainedBpe train_bpe(std::span<const CountedWord> words, const BpeTraining& training,
                     const std::function<void(int64_t)>& progress) {
  Trainer trainer(words, training);
  TrainedBpe trained{};
  while (trained.merges.size() < training.most_merges) {
    const auto merge = trainer.merge_best();
    if (!merge) break;
    trained.merges.push_back(*merge);
    progress(static_cast<int64_t>(trained.merges.size()));
  }
  trained.tokens = trainer.tokens();
  return trained;
}

}  // namespace saker
