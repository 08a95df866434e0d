// The recurrent state: all that a model remembers of a sequence. Its size does not depend on the number of tokens.
//
// States lie where their model computes.
//
// Per layer and sequence: the last k - 1 inputs of the convolution, conv [k - 1, e], oldest first, before activation;
// and the state of the scan, ssm [n, e]. Both f32. Zeros are the state before the first token.
#pragma once

#include <cstdint>
#include <utility>

#include "device/backend.h"
#include "device/buffer.h"
#include "model/config.h"

namespace saker {

// The states of s sequences, one slot each: what the model reads and advances.
struct StateView {
  TensorView conv;  // [p, s, k - 1, e]
  TensorView ssm;   // [p, s, n, e]

  int64_t slots() const noexcept { return ssm.shape[1]; }
};

struct ConstStateView {
  ConstTensorView conv, ssm;
};

// A fixed number of slots in one allocation. Not thread-safe; different slots may be advanced by one call.
class StatePool {
 public:
  // f64 serves models in f64 on the reference backend.
  StatePool(const ModelConfig& config, int64_t slots, DType dtype = DType::f32, Place place = kHost);

  StateView view() noexcept { return {conv_.view(), ssm_.view()}; }
  ConstStateView view() const noexcept { return {conv_.view(), ssm_.view()}; }
  int64_t slots() const noexcept { return conv_.view().shape[1]; }
  size_t bytes() const noexcept { return conv_.bytes() + ssm_.bytes(); }
  Place place() const noexcept { return ssm_.place(); }
  void reset(int64_t slot);
  void copy_slot(int64_t from, int64_t to);
  // The same in the order of the work of a stream, which computes where these lie: slots [first, first + count).
  void reset(Stream& stream, int64_t first, int64_t count);
  void copy_slot(Stream& stream, int64_t from, int64_t to);

 private:
  friend class RecurrentState;
  StatePool(Tensor conv, Tensor ssm) : conv_(std::move(conv)), ssm_(std::move(ssm)) {}

  Tensor conv_, ssm_;
};

// The state of one sequence, a value: reset, clone (explicit, it copies megabytes), save and load (model/state_file.h).
class RecurrentState {
 public:
  explicit RecurrentState(const ModelConfig& config, DType dtype = DType::f32, Place place = kHost)
      : pool_(config, 1, dtype, place) {}
  RecurrentState(RecurrentState&&) noexcept = default;
  RecurrentState& operator=(RecurrentState&&) noexcept = default;

  StateView view() noexcept { return pool_.view(); }
  ConstStateView view() const noexcept { return pool_.view(); }
  size_t bytes() const noexcept { return pool_.bytes(); }
  // Tokens that this state has seen; kept by whoever advances it.
  int64_t tokens() const noexcept { return tokens_; }
  void set_tokens(int64_t tokens) noexcept { tokens_ = tokens; }

  Place place() const noexcept { return pool_.place(); }

  void reset();
  RecurrentState clone() const { return copy_to(place()); }
  RecurrentState copy_to(Place place) const;
  // Copies to and from a slot of a pool of the same model, which may lie elsewhere.
  void put(StatePool& pool, int64_t slot) const;
  void take(const StatePool& pool, int64_t slot);

 private:
  RecurrentState(StatePool pool, int64_t tokens) : pool_(std::move(pool)), tokens_(tokens) {}

  StatePool pool_;
  int64_t tokens_ = 0;
};

}  // namespace saker
