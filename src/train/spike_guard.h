// Steps that would do harm: a loss or a gradient that is not a number, or far above what the last steps had.
#pragma once

#include <cstdint>
#include <deque>

namespace saker {

struct SpikeSettings {
  int64_t window = 128;      // steps that a value is held against
  double z_score = 0.0;      // standard deviations above their mean that are a spike; 0: spikes are not looked for
  bool skip = true;          // leave the parameters as they are at a spike; else only log it
  int64_t max_in_a_row = 8;  // more spikes in a row are a new level, more steps without a number an error
};

struct Verdict {
  enum class Kind { normal, spike, not_finite };
  Kind kind = Kind::normal;
  double loss_z = 0.0, norm_z = 0.0;  // 0 until the window is full
};

class SpikeGuard {
 public:
  explicit SpikeGuard(const SpikeSettings& settings) : settings_(settings) {}

  // Judges a step and remembers it, unless it is bad: what is far off must not become what is expected.
  Verdict judge(double loss, double gradient_norm);
  // Another mixture has another loss: the window begins anew.
  void forget();

  // What is carried over a resume.
  struct State {
    std::deque<double> losses, norms;
    int64_t bad_in_a_row = 0;
  };
  const State& state() const noexcept { return state_; }
  void restore(State state) { state_ = std::move(state); }

 private:
  SpikeSettings settings_;
  State state_;
};

}  // namespace saker
