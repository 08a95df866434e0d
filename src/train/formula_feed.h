// For tests only: tokens by a formula that a model can learn, from two sources, in documents that rows cut.
#pragma once

#include <cmath>

#include "core/rng.h"
#include "train/data_feed.h"
#include "train/recipe.h"

namespace saker {

// Token x is followed by (a x + b) mod 61, with a and b of the source; now and then by another. With `carried` each
// lane is an endless row of documents of `document_tokens` tokens.
class FormulaFeed : public DataFeed {
 public:
  explicit FormulaFeed(const Recipe& recipe, int64_t document_tokens = 0) : document_tokens_(document_tokens) {
    for (const StageRecipe& stage : recipe.stages) contexts_.push_back(stage.context);
  }

  // From this row on the tokens make no sense: what a broken shard does to a run.
  int64_t noise_from = -1;

  const std::vector<std::string>& sources() const noexcept override { return names_; }
  std::string tokenizer_json() const override { return ""; }
  void enter_stage(size_t stage) override { context_ = contexts_[stage]; }

  Batch next(int64_t rows) override {
    Batch batch{rows, context_, {}, {}, {}};
    for (int64_t row = 0; row < rows; ++row) add_row(batch, row);
    return batch;
  }

  nlohmann::json position() const override { return {{"rows", rows_}}; }
  void restore(const nlohmann::json& position) override { rows_ = position["rows"]; }

 private:
  static constexpr int64_t kLanes = 5;  // rows of a batch of a carried run

  void add_row(Batch& batch, int64_t row) {
    const Rng rng(5, static_cast<uint64_t>(rows_));
    const auto source = static_cast<int32_t>(rows_ % 2);
    auto x = static_cast<int64_t>(rng.uniform(0) * 61);
    for (int64_t t = 0; t < context_; ++t) {
      batch.ids.push_back(static_cast<int32_t>(x));
      const double drawn = rng.uniform(static_cast<uint64_t>(t + 1));
      const bool noise = noise_from >= 0 && rows_ >= noise_from;
      x = drawn < (noise ? 1.0 : 0.1) ? static_cast<int64_t>(drawn * (noise ? 61 : 610))
                                      : (source == 0 ? 3 * x + 1 : x + 7) % 61;
      batch.labels.push_back(static_cast<int32_t>(x));
    }
    add_pieces(batch, row, source);
    ++rows_;
  }

  void add_pieces(Batch& batch, int64_t row, int32_t source) const {
    const int64_t length = document_tokens_ > 0 ? document_tokens_ : context_;
    for (int64_t begin = 0; begin < context_; begin += length) {
      const int64_t count = std::min(length, context_ - begin);
      const bool last = begin + count == context_;
      const bool continues = begin == 0 && rows_ >= kLanes && context_ % length != 0;
      batch.pieces.push_back({row * context_ + begin, count, row, source, rows_, continues, last && count < length});
    }
  }

  std::vector<std::string> names_{"threes", "sevens"};
  std::vector<int64_t> contexts_;
  int64_t document_tokens_, context_ = 0, rows_ = 0;
};

}  // namespace saker
