#include <cmath>
#include <vector>

#include "ops/causal_conv1d/causal_conv1d_backward.h"
#include "ops/elements.h"

namespace saker::reference {

namespace {

// The gradients of one channel of one segment; adds up dweight [k] and dbias. `inputs` and `dinputs` are
// [window before | segment].
class Channel {
 public:
  Channel(const CausalConv1dBackwardArgs& args, int64_t e)
      : args_(args), e_(e), k_(args.weight.rows()), dweight_(static_cast<size_t>(k_)) {}

  void segment(const Segment& segment) {
    read(segment);
    for (int64_t t = 0; t < segment.length; ++t) {
      double c = args_.bias ? element(args_.bias, 0, e_) : 0.0;
      for (int64_t j = 0; j < k_; ++j) c += element(args_.weight, j, e_) * inputs_[static_cast<size_t>(t + j)];
      const double sigmoid = 1.0 / (1.0 + std::exp(-c));
      const double dc = element(args_.du, segment.begin + t, e_) * sigmoid * (1.0 + c * (1.0 - sigmoid));
      for (int64_t j = 0; j < k_; ++j) {
        dinputs_[static_cast<size_t>(t + j)] += element(args_.weight, j, e_) * dc;
        dweight_[static_cast<size_t>(j)] += inputs_[static_cast<size_t>(t + j)] * dc;
      }
      dbias_ += dc;
    }
    write(segment);
  }

  void write_sums() const {
    for (int64_t j = 0; j < k_; ++j) add_element(args_.dweight, j, e_, dweight_[static_cast<size_t>(j)]);
    if (args_.dbias) add_element(args_.dbias, 0, e_, dbias_);
  }

 private:
  // Row of [s, k - 1, e] as rows of e.
  int64_t window_row(const Segment& segment, int64_t j) const { return segment.slot * (k_ - 1) + j; }
  bool has_dstate(const Segment& segment) const { return args_.dstate && segment.slot != kNoSlot; }

  void read(const Segment& segment) {
    inputs_.clear();
    for (int64_t j = 0; j < k_ - 1; ++j)
      inputs_.push_back(segment.slot == kNoSlot ? 0.0 : element(args_.state, window_row(segment, j), e_));
    for (int64_t t = 0; t < segment.length; ++t) inputs_.push_back(element(args_.x, segment.begin + t, e_));
    dinputs_.assign(inputs_.size(), 0.0);
    for (int64_t j = 0; j < k_ - 1 && has_dstate(segment); ++j)
      dinputs_[static_cast<size_t>(segment.length + j)] = element(args_.dstate, window_row(segment, j), e_);
  }

  void write(const Segment& segment) const {
    for (int64_t t = 0; t < segment.length; ++t)
      set_element(args_.dx, segment.begin + t, e_, dinputs_[static_cast<size_t>(k_ - 1 + t)]);
    for (int64_t j = 0; j < k_ - 1 && has_dstate(segment); ++j)
      set_element(args_.dstate, window_row(segment, j), e_, dinputs_[static_cast<size_t>(j)]);
  }

  const CausalConv1dBackwardArgs& args_;
  int64_t e_, k_;
  std::vector<double> inputs_, dinputs_, dweight_;
  double dbias_ = 0.0;
};

}  // namespace

void causal_conv1d_backward(Stream&, const CausalConv1dBackwardArgs& args) noexcept {
  for (int64_t e = 0; e < args.weight.columns(); ++e) {
    Channel channel(args, e);
    for (const Segment& segment : args.segments) channel.segment(segment);
    channel.write_sums();
  }
}

}  // namespace saker::reference
