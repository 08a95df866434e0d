// How long the documents of a source are, in tokens.
#pragma once

#include <array>
#include <cstdint>

#include "data/token_dataset.h"

namespace saker {

struct LengthStatistics {
  static constexpr std::array<int, 6> kPercents{1, 10, 50, 90, 99, 100};
  static constexpr std::array<int64_t, 4> kBounds{1024, 2048, 4096, 8192};

  // The least length that so many percent of the documents do not exceed (nearest rank); 100: the longest.
  std::array<int64_t, kPercents.size()> percentiles{};
  // Of the documents with more tokens than the bound: their share of all documents, and of all tokens.
  std::array<double, kBounds.size()> documents_beyond{}, tokens_beyond{};
};

// All 0 for a source without documents.
LengthStatistics length_statistics(const TokenDataset& dataset, int32_t source);

}  // namespace saker
