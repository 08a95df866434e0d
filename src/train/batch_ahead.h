// The data of a run, one step ahead: the batch of the next step is drawn while this one computes.
#pragma once

#include <future>
#include <memory>
#include <optional>

#include "train/data_feed.h"
#include "train/step_plan.h"

namespace saker {

// Batches and positions are those of a feed that is asked when a batch is needed. What goes wrong with a batch is
// thrown when it is taken. Calls come from one thread.
class BatchAhead {
 public:
  explicit BatchAhead(std::unique_ptr<DataFeed> feed) : feed_(std::move(feed)), position_(feed_->position()) {}
  BatchAhead(const BatchAhead&) = delete;

  const std::vector<std::string>& sources() const noexcept { return feed_->sources(); }
  std::string tokenizer_json() const { return feed_->tokenizer_json(); }
  // Before any batch.
  void restore(const nlohmann::json& position);

  // Begins to draw the batch of `step`, which is the next to be taken, on a thread of its own.
  void draw(const PlannedStep& step);
  // The batch of `step`: drawn ahead, or drawn now.
  Batch take(const PlannedStep& step);
  // Behind the last batch that was taken.
  const nlohmann::json& position() const noexcept { return position_; }

 private:
  struct Drawn {
    Batch batch;
    nlohmann::json position;  // behind it
  };
  Drawn draw_now(const PlannedStep& step);

  std::unique_ptr<DataFeed> feed_;
  std::optional<size_t> stage_;  // that the feed is in
  nlohmann::json position_;
  std::future<Drawn> drawing_;  // last: it is waited for before the others go
};

}  // namespace saker
