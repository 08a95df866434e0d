// A group of channels walks through a segment twice: forward, to keep the steps and the states at the starts of chunks
// of time, and back, chunk by chunk, each of whose states and decays are rebuilt first and stay in the first-level
// cache.
//
// dB and dC are sums over all channels. Each group of kGroupVectors vectors adds up its own in the lanes of a buffer
// and writes one partial sum per token; the partial sums are then added in the order of the groups. Which thread takes
// a group changes nothing.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/selective_scan/selective_scan_backward_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/parallel.h"
#include "ops/selective_scan/selective_scan-inl.h"
#include "ops/selective_scan/selective_scan_backward.h"

#ifndef SAKER_SELECTIVE_SCAN_BACKWARD_WORK
#define SAKER_SELECTIVE_SCAN_BACKWARD_WORK
namespace saker {
// What one thread has for the groups it takes: [begin, end) of them.
struct ScanBackwardWork {
  int64_t begin, end;
  float* chunks;    // [chunks of the longest segment, group vectors, n + tokens of a chunk, lanes]: the state before
                    // the chunk, and its steps
  float* partials;  // [groups, l, 2n]: dB, dC of each group
};
}  // namespace saker
#endif

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {
namespace {

constexpr int64_t kMaxStates = 256;
constexpr int64_t kGroupVectors = 4;
constexpr int64_t kMaxLanes = hn::MaxLanes(F32());
constexpr int64_t kChunkFloats = 16 * 16 * kMaxLanes;  // of the states of a chunk: 16 tokens of 16 states

int64_t lanes() {
  return static_cast<int64_t>(hn::Lanes(F32()));
}

// Tokens of a chunk.
int64_t chunk_length(int64_t n_states) {
  return HWY_MAX(1, HWY_MIN(16, kChunkFloats / (n_states * kMaxLanes)));
}

// silu(z) and its slope.
struct Gate {
  VecF32 value, slope;
};
HWY_INLINE Gate gate_of(F32 d, VecF32 z) {
  const VecF32 sigmoid = sigmoid_f32(d, z);
  return {hn::Mul(z, sigmoid), silu_slope_f32(d, z, sigmoid)};
}

// One group of channels, one segment.
template <class U>
class GroupBackward {
 public:
  GroupBackward(const SelectiveScanBackwardArgs& args, int64_t group, const ScanBackwardWork& work)
      : args_(args),
        n_(args.A.rows()),
        channels_(args.A.columns()),
        first_(group * kGroupVectors * lanes()),
        count_(HWY_MIN(kGroupVectors, (channels_ - first_ + lanes() - 1) / lanes())),
        chunk_(chunk_length(n_)),
        chunks_(work.chunks),
        partials_(work.partials + group * args.u.rows() * 2 * n_) {}

  void run(const Segment& segment) {
    segment_ = &segment;
    const int64_t chunks = (segment.length + chunk_ - 1) / chunk_;
    for (int64_t v = 0; v < count_; ++v)
      with_vector(v, [&](const auto& vector, int64_t e) HWY_ATTR { begin_vector(v, vector, e, chunks); });
    for (int64_t c = chunks - 1; c >= 0; --c) {
      const int64_t begin = segment.begin + c * chunk_, end = HWY_MIN(begin + chunk_, segment.begin + segment.length);
      std::fill_n(sums_, (end - begin) * 2 * n_ * lanes(), 0.0f);
      for (int64_t v = 0; v < count_; ++v)
        with_vector(v, [&](const auto& vector, int64_t e) HWY_ATTR {
          rebuild(v, vector, e, c, begin, end);
          walk_back(v, vector, e, c, begin, end);
        });
      sum_lanes(begin, end);
    }
    for (int64_t v = 0; v < count_; ++v)
      with_vector(v, [&](const auto& vector, int64_t e) HWY_ATTR { finish_vector(v, vector, e); });
  }

 private:
  template <class Body>
  HWY_INLINE void with_vector(int64_t v, const Body& body) {
    const int64_t e = first_ + v * lanes();
    if (e + lanes() <= channels_)
      body(WholeVector{}, e);
    else
      body(TailVector{static_cast<size_t>(channels_ - e)}, e);
  }

  static HWY_INLINE VecF32 get(const float* from, int64_t i) { return hn::LoadU(F32(), from + i * lanes()); }
  static HWY_INLINE void set(float* to, int64_t i, VecF32 v) { hn::StoreU(v, F32(), to + i * lanes()); }

  float* state_at(int64_t c, int64_t v) const { return chunks_ + (c * kGroupVectors + v) * (n_ + chunk_) * lanes(); }
  float* steps_at(int64_t c, int64_t v) const { return state_at(c, v) + n_ * lanes(); }
  bool carried() const { return segment_->slot != kNoSlot && args_.dstate; }
  int64_t slot_offset(int64_t n, int64_t e) const { return (segment_->slot * n_ + n) * channels_ + e; }

  // State and gradient at the borders of the segment; A of the vector; states at the starts of chunks.
  template <class Vector>
  HWY_INLINE void begin_vector(int64_t v, const Vector& vector, int64_t e, int64_t chunks) {
    const F32 d;
    float *a = decay_rates_ + v * n_ * lanes(), *l = gradients_ + v * n_ * lanes();
    for (int64_t n = 0; n < n_; ++n) {
      set(a, n,
          hn::Mul(vector.load(d, args_.A.template as<float>() + n * channels_ + e), hn::Set(d, 1.44269504088896341f)));
      set(l, n, carried() ? vector.load(d, args_.dstate.template as<float>() + slot_offset(n, e)) : hn::Zero(d));
      set(A_sums_ + v * n_ * lanes(), n, hn::Zero(d));
      if (chunks > 0)
        set(state_at(0, v), n,
            segment_->slot == kNoSlot ? hn::Zero(d)
                                      : vector.load(d, args_.state.template as<float>() + slot_offset(n, e)));
    }
    for (int64_t c = 0; c < chunks; ++c) {
      const int64_t begin = segment_->begin + c * chunk_;
      if (c + 1 < chunks)
        pass_chunk(v, vector, e, c, begin);
      else
        for (int64_t t = begin; t < segment_->begin + segment_->length; ++t)
          set(steps_at(c, v), t - begin, step_of(vector, t, e));
    }
  }

  // Its steps, and the state behind it.
  template <class Vector>
  HWY_INLINE void pass_chunk(int64_t v, const Vector& vector, int64_t e, int64_t c, int64_t begin) {
    const F32 d;
    const float* a = decay_rates_ + v * n_ * lanes();
    float* state = state_at(c + 1, v);
    std::copy_n(state_at(c, v), n_ * lanes(), state);
    for (int64_t t = begin; t < begin + chunk_; ++t) {
      const VecF32 step = step_of(vector, t, e), input = hn::Mul(step, load_u(vector, t, e));
      set(steps_at(c, v), t - begin, step);
      const float* B = args_.B.template as<float>() + args_.B.offset(t);
      for (int64_t n = 0; n < n_; ++n) {
        const VecF32 decay = exp2_nonpositive(d, hn::Mul(step, get(a, n)));
        set(state, n, hn::MulAdd(decay, get(state, n), hn::Mul(input, hn::Set(d, B[n]))));
      }
    }
  }

  template <class Vector>
  HWY_INLINE VecF32 biased(const Vector& vector, int64_t t, int64_t e) const {
    const F32 d;
    return hn::Add(vector.load(d, args_.delta.template as<float>() + args_.delta.offset(t, e)),
                   vector.load(d, args_.delta_bias.template as<float>() + e));
  }
  template <class Vector>
  HWY_INLINE VecF32 step_of(const Vector& vector, int64_t t, int64_t e) const {
    return softplus_f32(F32(), biased(vector, t, e));
  }
  template <class Vector>
  HWY_INLINE VecF32 load_u(const Vector& vector, int64_t t, int64_t e) const {
    return vector.load(F32(), args_.u.template as<U>() + args_.u.offset(t, e));
  }

  // Decays of the chunk's tokens, and states: [0] before the first of them, [i + 1] after token i.
  template <class Vector>
  HWY_INLINE void rebuild(int64_t v, const Vector& vector, int64_t e, int64_t c, int64_t begin, int64_t end) {
    const F32 d;
    const float *a = decay_rates_ + v * n_ * lanes(), *steps = steps_at(c, v);
    std::copy_n(state_at(c, v), n_ * lanes(), h_);
    for (int64_t t = begin; t < end; ++t) {
      const VecF32 step = get(steps, t - begin), input = hn::Mul(step, load_u(vector, t, e));
      const float* B = args_.B.template as<float>() + args_.B.offset(t);
      float *before = h_ + (t - begin) * n_ * lanes(), *after = before + n_ * lanes();
      float* decays = decays_ + (t - begin) * n_ * lanes();
      for (int64_t n = 0; n < n_; ++n) {
        const VecF32 decay = exp2_nonpositive(d, hn::Mul(step, get(a, n)));
        set(decays, n, decay);
        set(after, n, hn::MulAdd(decay, get(before, n), hn::Mul(input, hn::Set(d, B[n]))));
      }
    }
  }

  template <class Vector>
  HWY_INLINE void walk_back(int64_t v, const Vector& vector, int64_t e, int64_t c, int64_t begin, int64_t end) {
    const F32 d;
    const float *a = decay_rates_ + v * n_ * lanes(), *steps = steps_at(c, v);
    float *l = gradients_ + v * n_ * lanes(), *A_sums = A_sums_ + v * n_ * lanes();
    const VecF32 D = vector.load(d, args_.D.template as<float>() + e);
    VecF32 D_sum = vector.load(d, args_.dD.template as<float>() + e);
    VecF32 bias_sum = vector.load(d, args_.ddelta_bias.template as<float>() + e);
    for (int64_t t = end - 1; t >= begin; --t) {
      const VecF32 step = get(steps, t - begin), u = load_u(vector, t, e);
      const VecF32 dy = vector.load(d, args_.dy.template as<float>() + args_.dy.offset(t, e));
      const Gate gate = gate_of(d, vector.load(d, args_.z.template as<float>() + args_.z.offset(t, e)));
      const VecF32 dq = hn::Mul(dy, gate.value), input = hn::Mul(step, u);
      const float* B = args_.B.template as<float>() + args_.B.offset(t);
      const float* C = args_.C.template as<float>() + args_.C.offset(t);
      const float *before = h_ + (t - begin) * n_ * lanes(), *after = before + n_ * lanes();
      const float* decays = decays_ + (t - begin) * n_ * lanes();
      float *B_sums = sums_ + (t - begin) * 2 * n_ * lanes(), *C_sums = B_sums + n_ * lanes();
      VecF32 q = hn::Mul(D, u), along_B = hn::Zero(d), along_decay = hn::Zero(d);
      for (int64_t n = 0; n < n_; ++n) {
        const VecF32 C_n = hn::Set(d, C[n]), h = get(after, n), decay = get(decays, n);
        const VecF32 gradient = hn::MulAdd(dq, C_n, get(l, n));
        q = hn::MulAdd(C_n, h, q);
        set(C_sums, n, hn::MulAdd(dq, h, get(C_sums, n)));
        set(B_sums, n, hn::MulAdd(gradient, input, get(B_sums, n)));
        along_B = hn::MulAdd(gradient, hn::Set(d, B[n]), along_B);
        const VecF32 decayed = hn::Mul(gradient, hn::Mul(decay, get(before, n)));
        along_decay = hn::MulAdd(decayed, get(a, n), along_decay);
        set(A_sums, n, hn::MulAdd(decayed, step, get(A_sums, n)));
        set(l, n, hn::Mul(gradient, decay));
      }
      // The decay rates are A log2 e.
      const VecF32 dstep = hn::MulAdd(u, along_B, hn::Mul(along_decay, hn::Set(d, 0.693147180559945309f)));
      const VecF32 ddelta = hn::Mul(dstep, softplus_slope_f32(d, biased(vector, t, e)));
      vector.store(hn::MulAdd(D, dq, hn::Mul(step, along_B)), d, args_.du.template as<float>() + args_.du.offset(t, e));
      vector.store(ddelta, d, args_.ddelta.template as<float>() + args_.ddelta.offset(t, e));
      vector.store(hn::Mul(hn::Mul(dy, q), gate.slope), d, args_.dz.template as<float>() + args_.dz.offset(t, e));
      D_sum = hn::MulAdd(dq, u, D_sum);
      bias_sum = hn::Add(bias_sum, ddelta);
    }
    vector.store(D_sum, d, args_.dD.template as<float>() + e);
    vector.store(bias_sum, d, args_.ddelta_bias.template as<float>() + e);
  }

  void sum_lanes(int64_t begin, int64_t end) const {
    float* to = partials_ + begin * 2 * n_;
    for (int64_t i = 0; i < (end - begin) * 2 * n_; ++i) to[i] = hn::GetLane(hn::SumOfLanes(F32(), get(sums_, i)));
  }

  template <class Vector>
  HWY_INLINE void finish_vector(int64_t v, const Vector& vector, int64_t e) {
    const F32 d;
    for (int64_t n = 0; n < n_; ++n) {
      float* dA_log = args_.dA_log.template as<float>() + n * channels_ + e;
      const VecF32 A = vector.load(d, args_.A.template as<float>() + n * channels_ + e);
      vector.store(hn::MulAdd(A, get(A_sums_ + v * n_ * lanes(), n), vector.load(d, dA_log)), d, dA_log);
      if (carried())
        vector.store(get(gradients_ + v * n_ * lanes(), n), d, args_.dstate.template as<float>() + slot_offset(n, e));
    }
  }

  const SelectiveScanBackwardArgs& args_;
  const Segment* segment_ = nullptr;
  int64_t n_, channels_, first_, count_, chunk_;
  float *chunks_, *partials_;

  HWY_ALIGN_MAX float decay_rates_[kGroupVectors * kMaxStates * kMaxLanes];  // [vectors, n, lanes]: A log2 e
  HWY_ALIGN_MAX float gradients_[kGroupVectors * kMaxStates * kMaxLanes];    // of the states after the token in hand
  HWY_ALIGN_MAX float A_sums_[kGroupVectors * kMaxStates * kMaxLanes];
  HWY_ALIGN_MAX float decays_[kChunkFloats];
  HWY_ALIGN_MAX float h_[kChunkFloats + kMaxStates * kMaxLanes];
  HWY_ALIGN_MAX float sums_[2 * kChunkFloats];  // [tokens, 2n, lanes]: dB, dC
};

template <class U>
void run_groups(const SelectiveScanBackwardArgs& args, const ScanBackwardWork& work) {
  for (int64_t group = work.begin; group < work.end; ++group) {
    GroupBackward<U> backward(args, group, work);
    for (const Segment& segment : args.segments) backward.run(segment);
  }
}

}  // namespace

// Groups of channels, and floats of chunks that a thread needs for segments of up to `longest` tokens.
int64_t scan_backward_groups(int64_t channels) {
  return (channels + kGroupVectors * lanes() - 1) / (kGroupVectors * lanes());
}
int64_t scan_backward_chunks(int64_t n_states, int64_t longest) {
  const int64_t length = chunk_length(n_states);
  return (longest + length - 1) / length * kGroupVectors * (n_states + length) * lanes();
}

void scan_backward(const SelectiveScanBackwardArgs& args, const ScanBackwardWork& work) {
  if (args.u.dtype == DType::bf16) return run_groups<BFloat16>(args, work);
  return run_groups<float>(args, work);
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(scan_backward_groups);
HWY_EXPORT(scan_backward_chunks);
HWY_EXPORT(scan_backward);

namespace cpu {

namespace {

// dB and dC of rows [begin, end): the partial sums of the groups, in their order.
void add_partials(const SelectiveScanBackwardArgs& args, const float* partials, int64_t groups, int64_t begin,
                  int64_t end) {
  const int64_t n = args.A.rows(), width = 2 * n, stride = args.u.rows() * width;
  for (int64_t t = begin; t < end; ++t)
    for (int64_t i = 0; i < width; ++i) {
      float sum = 0.0f;
      for (int64_t group = 0; group < groups; ++group) sum += partials[group * stride + t * width + i];
      const TensorView& to = i < n ? args.dB : args.dC;
      to.as<float>()[to.offset(t, i % n)] = sum;
    }
}

}  // namespace

void selective_scan_backward(Stream& stream, const SelectiveScanBackwardArgs& args) {
  const int64_t n = args.A.rows(), l = args.u.rows();
  int64_t longest = 0;
  for (const Segment& segment : args.segments) longest = std::max(longest, segment.length);
  const int64_t groups = HWY_DYNAMIC_DISPATCH(scan_backward_groups)(args.A.columns());
  const int64_t chunks = HWY_DYNAMIC_DISPATCH(scan_backward_chunks)(n, longest);
  const int64_t floats = groups * l * 2 * n + stream.threads() * chunks;
  auto* partials = static_cast<float*>(stream.scratch(static_cast<size_t>(floats) * sizeof(float)));
  float* first_chunks = partials + groups * l * 2 * n;
  parallel_parts(stream.threads(), groups, 1, [&](int64_t part, int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(scan_backward)(args, {begin, end, first_chunks + part * chunks, partials});
  });
  for (const Segment& segment : args.segments)
    parallel_for(stream.threads(), segment.length, 16, [&](int64_t begin, int64_t end) {
      add_partials(args, partials, groups, segment.begin + begin, segment.begin + end);
    });
}

}  // namespace cpu
}  // namespace saker
#endif
