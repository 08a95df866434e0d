#include "train/batch_ahead.h"

namespace saker {

void BatchAhead::restore(const nlohmann::json& position) {
  feed_->restore(position);
  position_ = position;
}

// The data of a stage begins where the one before ended; after a resume it continues within the stage.
BatchAhead::Drawn BatchAhead::draw_now(const PlannedStep& step) {
  if (stage_ != step.stage) feed_->enter_stage(step.stage);
  stage_ = step.stage;
  Batch batch = feed_->next(step.rows);
  return {std::move(batch), feed_->position()};
}

// Where the system has no thread to give, the batch is drawn when it is taken.
void BatchAhead::draw(const PlannedStep& step) {
  drawing_ = std::async(std::launch::async | std::launch::deferred, [this, step] { return draw_now(step); });
}

Batch BatchAhead::take(const PlannedStep& step) {
  Drawn drawn = drawing_.valid() ? drawing_.get() : draw_now(step);
  position_ = std::move(drawn.position);
  return std::move(drawn.batch);
}

}  // namespace saker
