#include <cmath>
#include <vector>

#include "ops/selective_scan/selective_scan_backward.h"

namespace saker::reference {

namespace {

double at(const ConstTensorView& view, int64_t row, int64_t column) {
  return load_element(view.data, view.dtype, view.offset(row, column));
}
void put(const TensorView& view, int64_t row, int64_t column, double value) {
  store_element(view.data, view.dtype, view.offset(row, column), value);
}
void add(const TensorView& view, int64_t row, int64_t column, double value) {
  put(view, row, column, at(view, row, column) + value);
}
double sigmoid(double v) {
  return 1.0 / (1.0 + std::exp(-v));
}

// One channel of one segment: the states before every token and after the last, then the walk back.
class ChannelBackward {
 public:
  ChannelBackward(const SelectiveScanBackwardArgs& args, const Segment& segment, int64_t e)
      : args_(args), segment_(segment), e_(e), n_states_(args.A.rows()), h_(state_before()), l_(gradient_after()) {}

  void run() {
    for (int64_t t = segment_.begin; t < segment_.begin + segment_.length; ++t) advance(t);
    for (int64_t t = segment_.begin + segment_.length - 1; t >= segment_.begin; --t) walk_back(t);
    if (!carried()) return;
    for (int64_t n = 0; n < n_states_; ++n)
      store_element(args_.dstate.data, args_.dstate.dtype, state_at(n), l_[static_cast<size_t>(n)]);
  }

 private:
  bool carried() const { return segment_.slot != kNoSlot && args_.dstate; }
  int64_t state_at(int64_t n) const { return (segment_.slot * n_states_ + n) * args_.A.columns() + e_; }

  std::vector<double> state_before() const {
    std::vector<double> h(static_cast<size_t>(n_states_));
    for (int64_t n = 0; n < n_states_ && segment_.slot != kNoSlot; ++n)
      h[static_cast<size_t>(n)] = load_element(args_.state.data, args_.state.dtype, state_at(n));
    return h;
  }
  std::vector<double> gradient_after() const {
    std::vector<double> l(static_cast<size_t>(n_states_));
    for (int64_t n = 0; n < n_states_ && carried(); ++n)
      l[static_cast<size_t>(n)] = load_element(args_.dstate.data, args_.dstate.dtype, state_at(n));
    return l;
  }

  double biased(int64_t t) const { return at(args_.delta, t, e_) + at(args_.delta_bias, 0, e_); }
  static double softplus(double v) { return v > 20.0 ? v : std::log1p(std::exp(v)); }

  // h_ grows by the states after token t.
  void advance(int64_t t) {
    const double step = softplus(biased(t)), input = step * at(args_.u, t, e_);
    const size_t before = h_.size() - static_cast<size_t>(n_states_);
    for (int64_t n = 0; n < n_states_; ++n)
      h_.push_back(std::exp(step * at(args_.A, n, e_)) * h_[before + static_cast<size_t>(n)] +
                   input * at(args_.B, t, n));
  }

  void walk_back(int64_t t) {
    const size_t before = static_cast<size_t>((t - segment_.begin) * n_states_),
                 after = before + static_cast<size_t>(n_states_);
    const double u = at(args_.u, t, e_), z = at(args_.z, t, e_), dy = at(args_.dy, t, e_), D = at(args_.D, 0, e_);
    const double step = softplus(biased(t)), gate = z * sigmoid(z), dq = dy * gate;
    double q = D * u, along_B = 0.0, along_decay = 0.0;
    for (int64_t n = 0; n < n_states_; ++n) {
      const auto i = static_cast<size_t>(n);
      const double A = at(args_.A, n, e_), C = at(args_.C, t, n), B = at(args_.B, t, n);
      const double decay = std::exp(step * A), decayed = decay * h_[before + i];
      q += C * h_[after + i];
      add(args_.dC, t, n, dq * h_[after + i]);
      l_[i] += dq * C;
      add(args_.dB, t, n, l_[i] * step * u);
      along_B += l_[i] * B;
      along_decay += l_[i] * A * decayed;
      add(args_.dA_log, n, e_, A * l_[i] * step * decayed);
      l_[i] *= decay;
    }
    const double v = biased(t), ddelta = (u * along_B + along_decay) * (v > 20.0 ? 1.0 : sigmoid(v));
    put(args_.du, t, e_, D * dq + step * along_B);
    put(args_.ddelta, t, e_, ddelta);
    put(args_.dz, t, e_, dy * q * sigmoid(z) * (1.0 + z * (1.0 - sigmoid(z))));
    add(args_.dD, 0, e_, dq * u);
    add(args_.ddelta_bias, 0, e_, ddelta);
  }

  const SelectiveScanBackwardArgs& args_;
  const Segment& segment_;
  int64_t e_, n_states_;
  std::vector<double> h_;  // [length + 1, n]
  std::vector<double> l_;  // [n], the gradient of the states after the token in hand
};

}  // namespace

void selective_scan_backward(Stream&, const SelectiveScanBackwardArgs& args) noexcept {
  for (const Segment& segment : args.segments) {
    for (int64_t t = segment.begin; t < segment.begin + segment.length; ++t)
      for (int64_t n = 0; n < args.A.rows(); ++n) {
        put(args.dB, t, n, 0.0);
        put(args.dC, t, n, 0.0);
      }
    for (int64_t e = 0; e < args.A.columns(); ++e) ChannelBackward(args, segment, e).run();
  }
}

}  // namespace saker::reference
