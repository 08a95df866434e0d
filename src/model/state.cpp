#include "model/state.h"

#include "device/gpu.h"
#include "device/stream_memory.h"

namespace saker {

namespace {

size_t slot_bytes(const ConstTensorView& state) {
  return static_cast<size_t>(state.shape[2] * state.shape[3]) * size_of(state.dtype);
}

// Slot `slot` of every layer of [p, s, ...].
Rows slot_rows(Tensor& state, int64_t slot) {
  const size_t bytes = slot_bytes(state.view());
  return {state.view().as<std::byte>() + static_cast<size_t>(slot) * bytes,
          static_cast<size_t>(state.view().shape[1]) * bytes, state.place()};
}

ConstRows slot_rows(const Tensor& state, int64_t slot) {
  const size_t bytes = slot_bytes(state.view());
  return {state.view().as<std::byte>() + static_cast<size_t>(slot) * bytes,
          static_cast<size_t>(state.view().shape[1]) * bytes, state.place()};
}

// The slot `from_slot` of [p, s, ...] to the slot `to_slot` of [p, s', ...].
void copy_slots(const Tensor& from, int64_t from_slot, Tensor& to, int64_t to_slot) {
  copy_rows(slot_rows(to, to_slot), slot_rows(from, from_slot), slot_bytes(from.view()),
            static_cast<size_t>(from.view().shape[0]));
}

void zero_slot(Tensor& state, int64_t slot) {
  zero_rows(slot_rows(state, slot), slot_bytes(state.view()), static_cast<size_t>(state.view().shape[0]));
}

}  // namespace

StatePool::StatePool(const ModelConfig& config, int64_t slots, DType dtype, Place place)
    : conv_(dtype, {config.n_layer, slots, config.d_conv - 1, config.d_inner}, place),
      ssm_(dtype, {config.n_layer, slots, config.d_state, config.d_inner}, place) {}

void StatePool::reset(int64_t slot) {
  zero_slot(conv_, slot);
  zero_slot(ssm_, slot);
}

void StatePool::copy_slot(int64_t from, int64_t to) {
  copy_slots(conv_, from, conv_, to);
  copy_slots(ssm_, from, ssm_, to);
}

void StatePool::reset(Stream& stream, int64_t first, int64_t count) {
  for (Tensor* state : {&conv_, &ssm_})
    zero_rows(stream, slot_rows(*state, first), slot_bytes(state->view()) * static_cast<size_t>(count),
              static_cast<size_t>(state->view().shape[0]));
}

void StatePool::copy_slot(Stream& stream, int64_t from, int64_t to) {
  for (Tensor* state : {&conv_, &ssm_})
    copy_rows(stream, slot_rows(*state, to), slot_rows(std::as_const(*state), from), slot_bytes(state->view()),
              static_cast<size_t>(state->view().shape[0]));
}

void RecurrentState::reset() {
  pool_.reset(0);
  tokens_ = 0;
}

RecurrentState RecurrentState::copy_to(Place place) const {
  return {StatePool(pool_.conv_.copy_to(place), pool_.ssm_.copy_to(place)), tokens_};
}

void RecurrentState::put(StatePool& pool, int64_t slot) const {
  copy_slots(pool_.conv_, 0, pool.conv_, slot);
  copy_slots(pool_.ssm_, 0, pool.ssm_, slot);
}

void RecurrentState::take(const StatePool& pool, int64_t slot) {
  copy_slots(pool.conv_, slot, pool_.conv_, 0);
  copy_slots(pool.ssm_, slot, pool_.ssm_, 0);
}

}  // namespace saker
