// A strip of channels walks through a segment: at input i of [old window | segment] the gradient dc of token i is made,
// and then that of input i, which the dc of the k last tokens reach. A thread takes the same channels of every segment,
// tokens in order, so that no bit depends on the number of threads.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/causal_conv1d/causal_conv1d_backward_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/causal_conv1d/causal_conv1d_backward.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {
namespace {

constexpr int64_t kMaxTaps = 8;
constexpr int64_t kStrip = 256;  // channels: what a strip keeps of the last tokens stays in the first-level cache

// Channels [first, first + count) of one segment.
class StripBackward {
 public:
  StripBackward(const CausalConv1dBackwardArgs& args, int64_t first, int64_t count)
      : args_(args),
        taps_(args.weight.rows()),
        channels_(args.weight.columns()),
        first_(first),
        count_(count),
        // Whole vectors: what is behind the last channel is zero and is not stored.
        padded_((count + lanes() - 1) / lanes() * lanes()) {
    for (int64_t j = 0; j < taps_; ++j) copy_in(args.weight.as<float>() + j * channels_, weight_[j]);
    if (args.bias)
      copy_in(args.bias.as<float>(), bias_);
    else
      std::fill_n(bias_, padded_, 0.0f);
  }

  void run(const Segment& segment) {
    segment_ = &segment;
    const int64_t window = taps_ - 1, length = segment.length;
    for (int64_t j = 0; j < taps_; ++j) std::fill_n(weight_sums_[j], padded_, 0.0f);
    std::fill_n(bias_sums_, padded_, 0.0f);
    for (int64_t j = 0; j < window; ++j) {
      window_at(j, inputs_[j]);
      if (carried())
        copy_in(args_.dstate.as<float>() + state_row(j), after_[j]);
      else
        std::fill_n(after_[j], padded_, 0.0f);
    }
    for (int64_t i = 0; i < window + length; ++i) {
      if (i < length) {
        copy_in(args_.x.as<float>() + args_.x.offset(segment.begin + i), inputs_[(i + window) % kMaxTaps]);
        token(i);
      }
      input_gradient(i);
    }
    for (int64_t j = 0; j < taps_; ++j) add_out(weight_sums_[j], args_.dweight.as<float>() + j * channels_);
    if (args_.dbias) add_out(bias_sums_, args_.dbias.as<float>());
  }

 private:
  static int64_t lanes() { return static_cast<int64_t>(hn::Lanes(F32())); }
  bool carried() const { return segment_->slot != kNoSlot && args_.dstate; }
  int64_t state_row(int64_t j) const { return (segment_->slot * (taps_ - 1) + j) * channels_; }

  void copy_in(const float* row, float* to) const {
    std::copy_n(row + first_, count_, to);
    std::fill(to + count_, to + padded_, 0.0f);
  }
  void add_out(const float* from, float* row) const {
    for (int64_t e = 0; e < count_; ++e) row[first_ + e] += from[e];
  }
  void window_at(int64_t j, float* to) const {
    if (segment_->slot == kNoSlot)
      std::fill_n(to, padded_, 0.0f);
    else
      copy_in(args_.state.as<float>() + state_row(j), to);
  }

  // dc of token t, into the ring, and what it adds to the gradients of the taps and the bias.
  void token(int64_t t) {
    const F32 d;
    const float* du = args_.du.as<float>() + args_.du.offset(segment_->begin + t) + first_;
    float* dc_row = dc_[t % kMaxTaps];
    for (int64_t e = 0; e < padded_; e += lanes()) {
      VecF32 c = hn::LoadU(d, bias_ + e);
      for (int64_t j = 0; j < taps_; ++j)
        c = hn::MulAdd(hn::LoadU(d, weight_[j] + e), hn::LoadU(d, inputs_[(t + j) % kMaxTaps] + e), c);
      const VecF32 one = hn::Set(d, 1.0f);
      const VecF32 sigmoid = hn::Div(one, hn::Add(one, exp_f32(d, hn::Neg(c))));
      const VecF32 slope = hn::Mul(sigmoid, hn::MulAdd(c, hn::Sub(one, sigmoid), one));
      const auto rest = static_cast<size_t>(count_ - e);
      const VecF32 above = e + lanes() <= count_ ? load_f32(d, du + e) : load_tail_f32(d, du + e, rest);
      const VecF32 dc = hn::Mul(above, slope);
      hn::StoreU(dc, d, dc_row + e);
      hn::StoreU(hn::Add(hn::LoadU(d, bias_sums_ + e), dc), d, bias_sums_ + e);
      for (int64_t j = 0; j < taps_; ++j)
        hn::StoreU(hn::MulAdd(dc, hn::LoadU(d, inputs_[(t + j) % kMaxTaps] + e), hn::LoadU(d, weight_sums_[j] + e)), d,
                   weight_sums_[j] + e);
    }
  }

  // Input i of [old window | segment] met tap j at token i - j; if it is of the window after the segment, the gradient
  // of that reaches it, too.
  void input_gradient(int64_t i) {
    const F32 d;
    const int64_t window = taps_ - 1, length = segment_->length;
    if (i < window && !carried()) return;
    const float* after = i >= length ? after_[i - length] : nullptr;
    for (int64_t e = 0; e < padded_; e += lanes()) {
      VecF32 sum = after ? hn::LoadU(d, after + e) : hn::Zero(d);
      for (int64_t j = std::max<int64_t>(0, i - length + 1); j < taps_ && j <= i; ++j)
        sum = hn::MulAdd(hn::LoadU(d, weight_[j] + e), hn::LoadU(d, dc_[(i - j) % kMaxTaps] + e), sum);
      hn::StoreU(sum, d, gradient_ + e);
    }
    float* to = i < window ? args_.dstate.as<float>() + state_row(i)
                           : args_.dx.as<float>() + args_.dx.offset(segment_->begin + i - window);
    std::copy_n(gradient_, count_, to + first_);
  }

  const CausalConv1dBackwardArgs& args_;
  const Segment* segment_ = nullptr;
  int64_t taps_, channels_, first_, count_, padded_;
  HWY_ALIGN_MAX float weight_[kMaxTaps][kStrip], bias_[kStrip];
  HWY_ALIGN_MAX float weight_sums_[kMaxTaps][kStrip], bias_sums_[kStrip];
  HWY_ALIGN_MAX float inputs_[kMaxTaps][kStrip], dc_[kMaxTaps][kStrip];  // rings
  HWY_ALIGN_MAX float after_[kMaxTaps][kStrip], gradient_[kStrip];
};

}  // namespace

void conv_backward_channels(const CausalConv1dBackwardArgs& args, int64_t begin, int64_t end) {
  for (int64_t first = begin; first < end; first += kStrip) {
    StripBackward strip(args, first, HWY_MIN(kStrip, end - first));
    for (const Segment& segment : args.segments) strip.run(segment);
  }
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(conv_backward_channels);

namespace cpu {

void causal_conv1d_backward(Stream& stream, const CausalConv1dBackwardArgs& args) noexcept {
  parallel_for(stream.threads(), args.weight.columns(), 64, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(conv_backward_channels)(args, begin, end);
  });
}

}  // namespace cpu
}  // namespace saker
#endif
