// Rows in order, vectors over channels: a token's row meets the k - 1 rows before it, which are still in cache. Each
// thread takes the same channels of every segment, window included.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/causal_conv1d/causal_conv1d_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/causal_conv1d/causal_conv1d.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

constexpr int64_t kMaxTaps = 8;

// The inputs that a token's taps meet, oldest first; null stands for zeros before a sequence without a slot.
struct Taps {
  const float* inputs[kMaxTaps];
  const float* weights;  // [k, e]
  const float* bias;     // [e] or null
  int64_t stride;        // of the weights
};

template <class Load>
HWY_INLINE VecF32 convolve(F32 d, const Taps& taps, int64_t k, int64_t e, const Load& load) {
  VecF32 sum = taps.bias ? load(taps.bias + e) : hn::Zero(d);
  for (int64_t j = 0; j < k; ++j)
    if (taps.inputs[j]) sum = hn::MulAdd(load(taps.weights + j * taps.stride + e), load(taps.inputs[j] + e), sum);
  return silu_f32(d, sum);
}

template <class U>
void convolve_row(U* u, const Taps& taps, int64_t k, int64_t begin, int64_t end) {
  const F32 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t e = begin;
  for (; e + lanes <= end; e += lanes)
    store_f32(convolve(d, taps, k, e, [&](const float* from) HWY_ATTR { return load_f32(d, from); }), d, u + e);
  if (e < end) {
    const auto rest = static_cast<size_t>(end - e);
    store_tail_f32(convolve(d, taps, k, e, [&](const float* from) HWY_ATTR { return load_tail_f32(d, from, rest); }), d,
                   u + e, rest);
  }
}

// Input `j` of [old window | segment]; null for zeros.
const float* input_row(const CausalConv1dArgs& args, const Segment& segment, int64_t j) {
  const int64_t window = args.weight.rows() - 1, channels = args.weight.columns();
  if (j >= window) return args.x.as<float>() + args.x.offset(segment.begin + j - window);
  return segment.slot == kNoSlot ? nullptr : args.state.as<float>() + (segment.slot * window + j) * channels;
}

// The window becomes the last k - 1 inputs. Ascending, because a short segment moves rows within the window.
void update_window(const CausalConv1dArgs& args, const Segment& segment, int64_t begin, int64_t end) {
  if (segment.slot == kNoSlot || segment.length == 0) return;
  const int64_t window = args.weight.rows() - 1, channels = args.weight.columns();
  float* state = args.state.as<float>() + segment.slot * window * channels;
  for (int64_t j = 0; j < window; ++j) {
    const float* from = input_row(args, segment, segment.length + j);
    std::memcpy(state + j * channels + begin, from + begin, static_cast<size_t>(end - begin) * sizeof(float));
  }
}

template <class U>
void convolve_range(const CausalConv1dArgs& args, int64_t begin, int64_t end) {
  const int64_t k = args.weight.rows();
  Taps taps{{}, args.weight.as<float>(), args.bias.as<float>(), args.weight.columns()};
  for (const Segment& segment : args.segments) {
    for (int64_t t = 0; t < segment.length; ++t) {
      for (int64_t j = 0; j < k; ++j) taps.inputs[j] = input_row(args, segment, t + j);
      convolve_row(args.u.as<U>() + args.u.offset(segment.begin + t), taps, k, begin, end);
    }
    update_window(args, segment, begin, end);
  }
}

void causal_conv1d_channels(const CausalConv1dArgs& args, int64_t begin, int64_t end) {
  switch (args.u.dtype) {
    case DType::f32: return convolve_range<float>(args, begin, end);
    case DType::bf16: return convolve_range<BFloat16>(args, begin, end);
    default: return convolve_range<Float16>(args, begin, end);
  }
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(causal_conv1d_channels);

namespace cpu {

void causal_conv1d(Stream& stream, const CausalConv1dArgs& args) noexcept {
  parallel_for(stream.threads(), args.weight.columns(), 32, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(causal_conv1d_channels)(args, begin, end);
  });
}

}  // namespace cpu
}  // namespace saker
#endif
