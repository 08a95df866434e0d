#include <cmath>
#include <vector>

#include "ops/elements.h"
#include "ops/selective_scan/selective_scan_backward.h"
#include "ops/selective_scan/softplus.h"

namespace saker::reference {

namespace {

// dB or dC: sums over channels, which come one after the other.
class RowSums {
 public:
  explicit RowSums(const TensorView& out) : out_(out), sums_(static_cast<size_t>(out.shape.elements())) {}

  double& at(int64_t t, int64_t n) { return sums_[static_cast<size_t>(t * out_.columns() + n)]; }
  void write(const Segment& segment) {
    for (int64_t t = segment.begin; t < segment.begin + segment.length; ++t)
      for (int64_t n = 0; n < out_.columns(); ++n) set_element(out_, t, n, at(t, n));
  }

 private:
  TensorView out_;
  std::vector<double> sums_;
};

// The gradients of one channel.
class Channel {
 public:
  Channel(const SelectiveScanBackwardArgs& args, int64_t e, RowSums& dB, RowSums& dC)
      : args_(args), e_(e), n_(args.A.rows()), dB_(dB), dC_(dC), carry_(states()), dA_(states()) {}

  void segment(const Segment& segment) {
    recompute_states(segment);
    for (int64_t n = 0; n < n_; ++n)
      carry_[index(n)] = has_dstate(segment) ? element(args_.dstate, segment.slot * n_ + n, e_) : 0.0;
    for (int64_t t = segment.length - 1; t >= 0; --t)
      token(segment.begin + t, &h_[index(t * n_)], &h_[index((t + 1) * n_)]);
    for (int64_t n = 0; n < n_ && has_dstate(segment); ++n)
      set_element(args_.dstate, segment.slot * n_ + n, e_, carry_[index(n)]);
  }

  void write_sums() const {
    for (int64_t n = 0; n < n_; ++n) add_element(args_.dA_log, n, e_, element(args_.A, n, e_) * dA_[index(n)]);
    add_element(args_.dD, 0, e_, dD_);
    add_element(args_.ddelta_bias, 0, e_, ddelta_bias_);
  }

 private:
  static size_t index(int64_t i) { return static_cast<size_t>(i); }
  std::vector<double> states() const { return std::vector<double>(index(n_)); }
  bool has_dstate(const Segment& segment) const { return args_.dstate && segment.slot != kNoSlot; }
  double shifted_delta(int64_t t) const { return element(args_.delta, t, e_) + element(args_.delta_bias, 0, e_); }

  // h_ [length + 1, n]: the state before the segment, then that after each token.
  void recompute_states(const Segment& segment) {
    h_.assign(index((segment.length + 1) * n_), 0.0);
    for (int64_t n = 0; n < n_ && segment.slot != kNoSlot; ++n)
      h_[index(n)] = element(args_.state, segment.slot * n_ + n, e_);
    for (int64_t i = 0; i < segment.length; ++i) {
      const int64_t t = segment.begin + i;
      const double step = softplus(shifted_delta(t)), input = step * element(args_.u, t, e_);
      for (int64_t n = 0; n < n_; ++n)
        h_[index((i + 1) * n_ + n)] =
            std::exp(step * element(args_.A, n, e_)) * h_[index(i * n_ + n)] + input * element(args_.B, t, n);
    }
  }

  // Token t with the states before and after it; carry_ is a_{t+1} l_{t+1} and becomes a_t l_t.
  void token(int64_t t, const double* before, const double* after) {
    const double u = element(args_.u, t, e_), z = element(args_.z, t, e_), dy = element(args_.dy, t, e_);
    const double step = softplus(shifted_delta(t)), sigmoid = 1.0 / (1.0 + std::exp(-z)), dq = dy * z * sigmoid;
    double q = element(args_.D, 0, e_) * u, input = 0.0, dstep = 0.0;
    for (int64_t n = 0; n < n_; ++n) {
      const double A = element(args_.A, n, e_), B = element(args_.B, t, n), C = element(args_.C, t, n);
      const double decay = std::exp(step * A), l = dq * C + carry_[index(n)];
      q += C * after[n];
      dC_.at(t, n) += dq * after[n];
      dB_.at(t, n) += l * step * u;
      input += l * B;
      dstep += l * A * decay * before[n];
      dA_[index(n)] += l * step * decay * before[n];
      carry_[index(n)] = decay * l;
    }
    const double ddelta = (dstep + u * input) * softplus_slope(shifted_delta(t));
    set_element(args_.du, t, e_, element(args_.D, 0, e_) * dq + step * input);
    set_element(args_.ddelta, t, e_, ddelta);
    set_element(args_.dz, t, e_, dy * q * sigmoid * (1.0 + z * (1.0 - sigmoid)));
    dD_ += dq * u;
    ddelta_bias_ += ddelta;
  }

  const SelectiveScanBackwardArgs& args_;
  int64_t e_, n_;
  RowSums &dB_, &dC_;
  std::vector<double> h_, carry_, dA_;
  double dD_ = 0.0, ddelta_bias_ = 0.0;
};

}  // namespace

void selective_scan_backward(Stream&, const SelectiveScanBackwardArgs& args) noexcept {
  RowSums dB(args.dB), dC(args.dC);
  for (int64_t e = 0; e < args.A.columns(); ++e) {
    Channel channel(args, e, dB, dC);
    for (const Segment& segment : args.segments) channel.segment(segment);
    channel.write_sums();
  }
  for (const Segment& segment : args.segments) {
    dB.write(segment);
    dC.write(segment);
  }
}

}  // namespace saker::reference
