#include "data/length_statistics.h"

#include <algorithm>
#include <numeric>

namespace saker {

LengthStatistics length_statistics(const TokenDataset& dataset, int32_t source) {
  const auto documents = static_cast<size_t>(dataset.documents(source));
  LengthStatistics statistics;
  if (documents == 0) return statistics;
  std::vector<int64_t> lengths(documents);
  for (size_t i = 0; i < documents; ++i) lengths[i] = dataset.length(source, static_cast<int64_t>(i));
  std::ranges::sort(lengths);
  for (size_t i = 0; i < statistics.percentiles.size(); ++i) {
    const size_t rank = (static_cast<size_t>(LengthStatistics::kPercents[i]) * documents + 99) / 100;
    statistics.percentiles[i] = lengths[rank - 1];
  }
  const auto tokens = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  for (size_t i = 0; i < statistics.documents_beyond.size(); ++i) {
    const auto begin = std::ranges::upper_bound(lengths, LengthStatistics::kBounds[i]);
    const auto beyond = std::accumulate(begin, lengths.end(), int64_t{0});
    statistics.documents_beyond[i] = static_cast<double>(lengths.end() - begin) / static_cast<double>(documents);
    if (tokens > 0) statistics.tokens_beyond[i] = static_cast<double>(beyond) / static_cast<double>(tokens);
  }
  return statistics;
}

}  // namespace saker
