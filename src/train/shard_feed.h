// The data of a run from token shards (src/data).
#pragma once

#include "data/batch_loader.h"
#include "data/token_dataset.h"
#include "train/data_feed.h"
#include "train/recipe.h"

namespace saker {

class ShardFeed : public DataFeed {
 public:
  // Opens the shards. Throws what TokenDataset does; not_found for a source that is not there; invalid_argument if the
  // tokens are not the model's, if data.tokenizer is not the shards', or if a source would be repeated beyond its cap.
  explicit ShardFeed(const Recipe& recipe);

  const TokenDataset& dataset() const noexcept { return dataset_; }
  const std::vector<std::string>& sources() const noexcept override { return names_; }
  std::string tokenizer_json() const override { return dataset_.tokenizer_json(); }
  void enter_stage(size_t stage) override;
  Batch next(int64_t rows) override { return loader_.next(rows); }
  nlohmann::json position() const override { return loader_.position(); }
  void restore(const nlohmann::json& position) override { loader_.restore(position); }

 private:
  std::vector<StageRecipe> stages_;
  TokenDataset dataset_;
  BatchLoader loader_;
  std::vector<std::string> names_;
};

// What each stage takes of each source, the caps checked. Throws as ShardFeed does.
std::vector<StagePlan> plan_stages(const TokenDataset& dataset, const Recipe& recipe);

}  // namespace saker
