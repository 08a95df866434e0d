#include "train/snapshot.h"

#include "device/stream_memory.h"

namespace saker {

namespace {

size_t bytes_of(const TrainingState& state) {
  size_t bytes = 0;
  for_each_array(state, [&](const ConstTensorView& array) { bytes += Arena::bytes_for(array.dtype, array.shape); });
  return bytes;
}

Arena arena_for(const TrainingState& state) {
  return state.place.on_host() ? Arena(bytes_of(state)) : Arena(Buffer::pinned(bytes_of(state)));
}

}  // namespace

Snapshot::Snapshot(const TrainingState& state, Stream& stream) : stream_(stream), arena_(arena_for(state)) {}

const TrainingState& Snapshot::take(const TrainingState& state) {
  copy_ = state;
  copy_.place = kHost;
  arena_.reset();
  for_each_array(copy_, [&](ConstTensorView& array) {
    const TensorView copied = arena_.take(array.dtype, array.shape);
    copy(stream_, copied, array);
    array = copied;
  });
  stream_.wait();
  return copy_;
}

}  // namespace saker
