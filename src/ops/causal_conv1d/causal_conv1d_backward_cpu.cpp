// Vectors run over channels: one vector of channels walks through the segments with its last k inputs, its last k dc
// and its sums in registers. Input i of [window before | segment] is complete once dc[i] is known, since only
// dc[i - k + 1 .. i] reach it; so one walk forward is enough.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/causal_conv1d/causal_conv1d_backward_cpu.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/causal_conv1d/causal_conv1d_backward.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

template <int64_t kTaps, class Vector>
class ConvBackward {
  static constexpr int64_t kWindow = kTaps - 1;

 public:
  HWY_INLINE ConvBackward(const CausalConv1dBackwardArgs& args, int64_t e, const Vector& vector)
      : args_(args), e_(e), channels_(args.weight.columns()), vector_(vector) {
    const F32 d;
    for (int64_t j = 0; j < kTaps; ++j) {
      weights_[j] = vector.load(d, args.weight.as<float>() + j * channels_ + e);
      dweights_[j] = hn::Zero(d);
    }
    bias_ = args.bias ? vector.load(d, args.bias.as<float>() + e) : hn::Zero(d);
    dbias_ = hn::Zero(d);
  }

  HWY_INLINE void segment(const Segment& segment) {
    const F32 d;
    const int64_t length = segment.length;
    load_windows(segment);
    for (int64_t t = 0; t < length; ++t) {
      const float* x = args_.x.as<float>() + args_.x.offset(segment.begin + t, e_);
      const float* du = args_.du.as<float>() + args_.du.offset(segment.begin + t, e_);
      // Rows are far apart: the hardware does not see the pattern. Prefetching beyond the last row is harmless.
      constexpr int64_t kAhead = 8;
      hwy::Prefetch(x + kAhead * args_.x.row_stride);
      hwy::Prefetch(du + kAhead * args_.du.row_stride);
      inputs_[kWindow] = vector_.load(d, x);
      push(gradient(vector_.load(d, du)));
      store(segment, t, reaching_input());
      for (int64_t j = 0; j < kWindow; ++j) inputs_[j] = inputs_[j + 1];
    }
    // The last k - 1 inputs: what reaches them through the window after the segment, too.
    for (int64_t j = 0; j < kWindow; ++j) {
      push(hn::Zero(d));
      store(segment, length + j, hn::Add(reaching_input(), after_[j]));
    }
  }

  HWY_INLINE void add_sums() const {
    for (int64_t j = 0; j < kTaps; ++j) add(args_.dweight.as<float>() + j * channels_ + e_, dweights_[j]);
    if (args_.dbias) add(args_.dbias.as<float>() + e_, dbias_);
  }

 private:
  HWY_INLINE void load_windows(const Segment& segment) {
    const F32 d;
    const int64_t at = segment.slot * kWindow * channels_ + e_;
    const bool carried = segment.slot != kNoSlot && args_.dstate;
    for (int64_t j = 0; j < kWindow; ++j) {
      inputs_[j] =
          segment.slot == kNoSlot ? hn::Zero(d) : vector_.load(d, args_.state.as<float>() + at + j * channels_);
      after_[j] = carried ? vector_.load(d, args_.dstate.as<float>() + at + j * channels_) : hn::Zero(d);
    }
    for (int64_t j = 0; j < kTaps; ++j) dc_[j] = hn::Zero(d);
  }

  // dc of the token whose inputs are inputs_; adds to the sums.
  HWY_INLINE VecF32 gradient(VecF32 du) {
    const F32 d;
    VecF32 c = bias_;
    for (int64_t j = 0; j < kTaps; ++j) c = hn::MulAdd(weights_[j], inputs_[j], c);
    const VecF32 dc = hn::Mul(du, silu_slope_f32(d, c, sigmoid_f32(d, c)));
    for (int64_t j = 0; j < kTaps; ++j) dweights_[j] = hn::MulAdd(dc, inputs_[j], dweights_[j]);
    dbias_ = hn::Add(dbias_, dc);
    return dc;
  }

  // dc_[j] is that of j tokens ago.
  HWY_INLINE void push(VecF32 dc) {
    for (int64_t j = kWindow; j > 0; --j) dc_[j] = dc_[j - 1];
    dc_[0] = dc;
  }

  HWY_INLINE VecF32 reaching_input() const {
    VecF32 sum = hn::Mul(weights_[0], dc_[0]);
    for (int64_t j = 1; j < kTaps; ++j) sum = hn::MulAdd(weights_[j], dc_[j], sum);
    return sum;
  }

  // The gradient of input i of [window before | segment].
  HWY_INLINE void store(const Segment& segment, int64_t i, VecF32 gradient) const {
    const F32 d;
    if (i >= kWindow)
      vector_.store(gradient, d, args_.dx.as<float>() + args_.dx.offset(segment.begin + i - kWindow, e_));
    else if (segment.slot != kNoSlot && args_.dstate)
      vector_.store(gradient, d, args_.dstate.as<float>() + (segment.slot * kWindow + i) * channels_ + e_);
  }

  HWY_INLINE void add(float* to, VecF32 sum) const {
    const F32 d;
    vector_.store(hn::Add(vector_.load(d, to), sum), d, to);
  }

  const CausalConv1dBackwardArgs& args_;
  int64_t e_, channels_;
  Vector vector_;
  VecF32 weights_[kTaps], dweights_[kTaps], bias_, dbias_;
  VecF32 inputs_[kTaps], dc_[kTaps], after_[kWindow];
};

template <int64_t kTaps>
void conv_backward_range(const CausalConv1dBackwardArgs& args, int64_t begin, int64_t end) {
  for_vectors(begin, end, [&](int64_t e, const auto& vector) HWY_ATTR {
    ConvBackward<kTaps, std::decay_t<decltype(vector)>> channels(args, e, vector);
    for (const Segment& segment : args.segments) channels.segment(segment);
    channels.add_sums();
  });
}

void conv_backward_channels(const CausalConv1dBackwardArgs& args, int64_t begin, int64_t end) {
  switch (args.weight.rows()) {
    case 2: return conv_backward_range<2>(args, begin, end);
    case 3: return conv_backward_range<3>(args, begin, end);
    case 4: return conv_backward_range<4>(args, begin, end);
    case 5: return conv_backward_range<5>(args, begin, end);
    case 6: return conv_backward_range<6>(args, begin, end);
    case 7: return conv_backward_range<7>(args, begin, end);
    default: return conv_backward_range<8>(args, begin, end);
  }
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(conv_backward_channels);

namespace cpu {

void causal_conv1d_backward(Stream& stream, const CausalConv1dBackwardArgs& args) noexcept {
  parallel_for(stream.threads(), args.weight.columns(), 32, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(conv_backward_channels)(args, begin, end);
  });
}

}  // namespace cpu
}  // namespace saker
#endif
