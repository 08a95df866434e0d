#include "train/snapshot.h"

#include <cstring>

#include "device/cpu/parallel.h"

namespace saker {

namespace {

constexpr int64_t kGrain = 1 << 20;  // bytes

size_t bytes_of(const TrainingState& state) {
  size_t bytes = 0;
  for_each_array(state, [&](const ConstTensorView& array) { bytes += Arena::bytes_for(array.dtype, array.shape); });
  return bytes;
}

void copy(TensorView to, ConstTensorView from, int threads) noexcept {
  const int64_t bytes = from.shape.elements() * static_cast<int64_t>(size_of(from.dtype));
  parallel_for(threads, bytes, kGrain, [&](int64_t begin, int64_t end) {
    std::memcpy(to.as<std::byte>() + begin, from.as<std::byte>() + begin, static_cast<size_t>(end - begin));
  });
}

}  // namespace

Snapshot::Snapshot(const TrainingState& state, int threads) : threads_(threads), arena_(bytes_of(state)) {}

const TrainingState& Snapshot::take(const TrainingState& state) {
  copy_ = state;
  arena_.reset();
  for_each_array(copy_, [&](ConstTensorView& array) {
    const TensorView copied = arena_.take(array.dtype, array.shape);
    copy(copied, array, threads_);
    array = copied;
  });
  return copy_;
}

}  // namespace saker
