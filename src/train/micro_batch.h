// A batch cut into passes of whole rows, in a fixed order: the order in which gradients add up.
#pragma once

#include <cstdint>
#include <vector>

#include "model/state.h"
#include "ops/segment.h"
#include "train/data_feed.h"

namespace saker {

struct MicroBatch {
  int64_t begin, length;          // tokens of the batch
  std::vector<Segment> segments;  // rows counted from `begin`
};

enum class StateAtBorders {
  reset,    // a piece of a document starts from zero state
  kept,     // a row is one sequence, whatever the documents
  carried,  // as reset, and a document that a row continues has the state with which the row before ended
};

// As many rows as fit `max_tokens`, at least one, in each.
std::vector<MicroBatch> micro_batches(const Batch& batch, int64_t max_tokens, StateAtBorders borders,
                                      int64_t lanes = 0);

// The states of the rows of carried batches. Slot i: the document that row i continues. Slot lanes + i: one that begins
// in row i and is not finished.
class Lanes {
 public:
  Lanes(const ModelConfig& config, int64_t lanes, DType dtype, Place place = kHost)
      : lanes_(lanes), pool_(config, 2 * lanes, dtype, place) {}

  static int64_t slots(int64_t lanes) noexcept { return 2 * lanes; }
  // Before a batch: documents begin from zero. In the order of the stream's work, as settle().
  void begin(Stream& stream);
  // After it: what is not finished is continued by the next batch.
  void settle(Stream& stream, const Batch& batch);
  StatePool& pool() noexcept { return pool_; }

 private:
  int64_t lanes_;
  StatePool pool_;
};

}  // namespace saker
