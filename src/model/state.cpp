#include "model/state.h"

#include <cstring>

#include "core/error.h"

namespace saker {

namespace {

// Copies the slot `from_slot` of [p, s, ...] to the slot `to_slot` of [p, s', ...].
void copy_slots(ConstTensorView from, int64_t from_slot, TensorView to, int64_t to_slot) noexcept {
  const int64_t layers = from.shape[0];
  const size_t bytes = static_cast<size_t>(from.shape[2] * from.shape[3]) * size_of(from.dtype);
  for (int64_t layer = 0; layer < layers; ++layer) {
    const auto source = static_cast<size_t>(layer * from.shape[1] + from_slot) * bytes;
    const auto target = static_cast<size_t>(layer * to.shape[1] + to_slot) * bytes;
    if (bytes) std::memcpy(to.as<std::byte>() + target, from.as<std::byte>() + source, bytes);
  }
}

void zero_slot(TensorView state, int64_t slot) noexcept {
  const size_t bytes = static_cast<size_t>(state.shape[2] * state.shape[3]) * size_of(state.dtype);
  for (int64_t layer = 0; layer < state.shape[0]; ++layer)
    if (bytes)
      std::memset(state.as<std::byte>() + static_cast<size_t>(layer * state.shape[1] + slot) * bytes, 0, bytes);
}

}  // namespace

StatePool::StatePool(const ModelConfig& config, int64_t slots, DType dtype)
    : conv_(dtype, {config.n_layer, slots, config.d_conv - 1, config.d_inner}),
      ssm_(dtype, {config.n_layer, slots, config.d_state, config.d_inner}) {}

void StatePool::reset(int64_t slot) noexcept {
  zero_slot(conv_.view(), slot);
  zero_slot(ssm_.view(), slot);
}

void StatePool::copy_slot(int64_t from, int64_t to) noexcept {
  copy_slots(conv_.view(), from, conv_.view(), to);
  copy_slots(ssm_.view(), from, ssm_.view(), to);
}

void RecurrentState::reset() noexcept {
  pool_.reset(0);
  tokens_ = 0;
}

RecurrentState RecurrentState::clone() const {
  return {StatePool(pool_.conv_.clone(), pool_.ssm_.clone()), tokens_};
}

void RecurrentState::put(StatePool& pool, int64_t slot) const {
  copy_slots(pool_.conv_.view(), 0, pool.conv_.view(), slot);
  copy_slots(pool_.ssm_.view(), 0, pool.ssm_.view(), slot);
}

void RecurrentState::take(const StatePool& pool, int64_t slot) {
  copy_slots(pool.conv_.view(), slot, pool_.conv_.view(), 0);
  copy_slots(pool.ssm_.view(), slot, pool_.ssm_.view(), 0);
}

}  // namespace saker
