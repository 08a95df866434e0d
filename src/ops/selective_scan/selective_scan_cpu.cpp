// Vectors run over channels: one vector of channels walks through a segment with its n states in registers. A channel
// meets the same operations in the same order whatever its neighbours, the length of the segment or the thread.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/selective_scan/selective_scan_cpu.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/parallel.h"
#include "ops/selective_scan/selective_scan-inl.h"
#include "ops/selective_scan/selective_scan.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

// States in registers; more, or a number we do not expect, live in memory.
constexpr int64_t kMaxStates = 256;

// n states of one vector of channels: in registers if n is known here, else in memory.
template <int64_t kStates>
struct States {
  VecF32 h[kStates], a[kStates];
  explicit States(int64_t) {}
  static constexpr int64_t size() { return kStates; }
  HWY_INLINE VecF32 get_h(int64_t n) const { return h[n]; }
  HWY_INLINE VecF32 get_a(int64_t n) const { return a[n]; }
  HWY_INLINE void set_h(int64_t n, VecF32 v) { h[n] = v; }
  HWY_INLINE void set_a(int64_t n, VecF32 v) { a[n] = v; }
};
template <>
struct States<0> {
  HWY_ALIGN_MAX float h[kMaxStates * hn::MaxLanes(F32())];
  HWY_ALIGN_MAX float a[kMaxStates * hn::MaxLanes(F32())];
  int64_t count;
  explicit States(int64_t n) : count(n) {}
  int64_t size() const { return count; }
  static size_t at(int64_t n) { return static_cast<size_t>(n) * hn::Lanes(F32()); }
  HWY_INLINE VecF32 get_h(int64_t n) const { return hn::Load(F32(), h + at(n)); }
  HWY_INLINE VecF32 get_a(int64_t n) const { return hn::Load(F32(), a + at(n)); }
  HWY_INLINE void set_h(int64_t n, VecF32 v) { hn::Store(v, F32(), h + at(n)); }
  HWY_INLINE void set_a(int64_t n, VecF32 v) { hn::Store(v, F32(), a + at(n)); }
};

// Channels [e, e + lanes) of one segment.
template <int64_t kStates, class U, class Vector>
HWY_INLINE void scan_channels(const SelectiveScanArgs& args, const Segment& segment, int64_t e, const Vector& vector) {
  const F32 d;
  const int64_t n_states = args.A.rows(), channels = args.A.columns();
  const VecF32 log2_e = hn::Set(d, 1.44269504088896341f);
  States<kStates> states(n_states);
  float* state = segment.slot == kNoSlot ? nullptr : args.state.as<float>() + segment.slot * n_states * channels + e;
  for (int64_t n = 0; n < states.size(); ++n) {
    states.set_a(n, hn::Mul(vector.load(d, args.A.as<float>() + n * channels + e), log2_e));
    states.set_h(n, state ? vector.load(d, state + n * channels) : hn::Zero(d));
  }
  const VecF32 skip = vector.load(d, args.D.as<float>() + e);
  const VecF32 bias = vector.load(d, args.delta_bias.as<float>() + e);

  for (int64_t t = segment.begin; t < segment.begin + segment.length; ++t) {
    const float* delta_at = args.delta.as<float>() + args.delta.offset(t, e);
    const float* z_at = args.z.as<float>() + args.z.offset(t, e);
    const U* u_at = args.u.as<U>() + args.u.offset(t, e);
    // Rows are far apart: the hardware does not see the pattern. Prefetching beyond the last row is harmless.
    constexpr int64_t kAhead = 8;
    hwy::Prefetch(delta_at + kAhead * args.delta.row_stride);
    hwy::Prefetch(z_at + kAhead * args.z.row_stride);
    hwy::Prefetch(u_at + kAhead * args.u.row_stride);

    const VecF32 step = softplus_f32(d, hn::Add(vector.load(d, delta_at), bias));
    const VecF32 u = vector.load(d, u_at);
    const VecF32 input = hn::Mul(step, u);
    const float* HWY_RESTRICT B = args.B.as<float>() + args.B.offset(t);
    const float* HWY_RESTRICT C = args.C.as<float>() + args.C.offset(t);
    VecF32 y = hn::Mul(skip, u);
    for (int64_t n = 0; n < states.size(); ++n) {
      const VecF32 decay = exp2_nonpositive(d, hn::Mul(step, states.get_a(n)));
      const VecF32 h = hn::MulAdd(decay, states.get_h(n), hn::Mul(input, hn::Set(d, B[n])));
      states.set_h(n, h);
      y = hn::MulAdd(h, hn::Set(d, C[n]), y);
    }
    vector.store(hn::Mul(y, silu_f32(d, vector.load(d, z_at))), d, args.y.as<U>() + args.y.offset(t, e));
  }
  for (int64_t n = 0; state && n < states.size(); ++n) vector.store(states.get_h(n), d, state + n * channels);
}

template <int64_t kStates, class U>
void scan_range(const SelectiveScanArgs& args, int64_t begin, int64_t end) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(F32()));
  for (const Segment& segment : args.segments) {
    int64_t e = begin;
    for (; e + lanes <= end; e += lanes) scan_channels<kStates, U>(args, segment, e, WholeVector{});
    if (e < end) scan_channels<kStates, U>(args, segment, e, TailVector{static_cast<size_t>(end - e)});
  }
}

template <class U>
void scan_typed(const SelectiveScanArgs& args, int64_t begin, int64_t end) {
  switch (args.A.rows()) {
    case 8: return scan_range<8, U>(args, begin, end);
    case 16: return scan_range<16, U>(args, begin, end);
    default: return scan_range<0, U>(args, begin, end);
  }
}

void selective_scan_channels(const SelectiveScanArgs& args, int64_t begin, int64_t end) {
  switch (args.u.dtype) {
    case DType::f32: return scan_typed<float>(args, begin, end);
    case DType::bf16: return scan_typed<BFloat16>(args, begin, end);
    default: return scan_typed<Float16>(args, begin, end);
  }
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(selective_scan_channels);

namespace cpu {

void selective_scan(Stream& stream, const SelectiveScanArgs& args) noexcept {
  // Each thread takes the same channels of every segment; borders between cache lines of bf16 rows.
  parallel_for(stream.threads(), args.A.columns(), 32, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(selective_scan_channels)(args, begin, end);
  });
}

}  // namespace cpu
}  // namespace saker
#endif
