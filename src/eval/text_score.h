// How well a model predicts texts.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace saker {

struct TextScore {
  int64_t documents = 0;
  int64_t tokens = 0;  // predicted
  int64_t bytes = 0;   // of the texts in UTF-8
  double nats = 0.0;   // sum of -ln p

  double nats_per_token() const noexcept { return nats / static_cast<double>(tokens); }
  double perplexity() const noexcept { return std::exp(nats_per_token()); }
  double bits_per_byte() const noexcept { return nats / static_cast<double>(bytes) / std::numbers::ln2; }

  TextScore& operator+=(const TextScore& other) noexcept {
    documents += other.documents;
    tokens += other.tokens;
    bytes += other.bytes;
    nats += other.nats;
    return *this;
  }
};

}  // namespace saker
