// Our own kernel for few rows, limited by the bytes of the weights, and for what oneDNN does not do as we want it.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/linear/linear_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/cast/cast.h"
#include "ops/linear/linear.h"
#include "ops/linear/linear_kernel.h"
#include "ops/linear/linear_onednn.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {
namespace {

// f32, bf16 or f16 weights, widened to f32 as they are loaded.
template <class WeightType>
struct Widened {
  using Weight = WeightType;
  using Input = float;
  using Vector = VecF32;
  using Sums = VecF32;
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM
  static constexpr int64_t kRows = 8;  // 32 registers: 16 sums
#else
  static constexpr int64_t kRows = 4;  // 16 registers: 8 sums
#endif
  static constexpr int64_t kOutputs = 2, kMaxLanes = hn::MaxLanes(F32());
  // Additions that wait for each other take four cycles: at 32 bytes each they keep up with memory.
  static constexpr int64_t kSingleOutputs = kMaxLanes * sizeof(Weight) >= 32 ? 1 : 4;

  static HWY_INLINE int64_t step() {
    return lanes();
  }
  static HWY_INLINE int64_t lanes() {
    return static_cast<int64_t>(hn::Lanes(F32()));
  }

  static HWY_INLINE Vector load(const Weight* from) {
    return load_f32(F32(), from);
  }
  static HWY_INLINE Vector load_tail(const Weight* from, size_t count) {
    return load_tail_f32(F32(), from, count);
  }
  static HWY_INLINE Vector load_input(const Input* from) {
    Vector inputs = hn::LoadU(F32(), from);
#if HWY_ARCH_X86 && HWY_COMPILER_GCC_ACTUAL
    // One load for several outputs. Otherwise GCC 12 folds it into each of the additions, and they wait for loads.
    asm("" : "+v"(inputs.raw));
#endif
    return inputs;
  }
  static HWY_INLINE void pack(Input* to, const Weight* from, int64_t count) {
    hn::StoreU(count == step() ? load(from) : load_tail(from, static_cast<size_t>(count)), F32(), to);
  }

  static HWY_INLINE Sums zero() {
    return hn::Zero(F32());
  }
  static HWY_INLINE Sums load_sums(const float* from) {
    return hn::LoadU(F32(), from);
  }
  static HWY_INLINE void store_sums(Sums sums, float* to) {
    hn::StoreU(sums, F32(), to);
  }
  static HWY_INLINE Sums add(Sums sums, Vector weights, Vector inputs) {
    return hn::MulAdd(weights, inputs, sums);
  }

  // to[j] = the sum of the lanes of vector j, for `count` vectors `stride` floats apart.
  static void sum_lanes(const float* from, int64_t stride, int64_t count, float* to) {
    for (int64_t j = 0; j < count; ++j) to[j] = hn::GetLane(hn::SumOfLanes(F32(), load_sums(from + j * stride)));
  }
};

#include "ops/linear/linear_block-inl.h"

const LinearKernel* linear_kernel(DType dtype) {
  if (dtype == DType::f32) return &kLinearKernel<Widened<float>>;
  if (dtype == DType::f16) return &kLinearKernel<Widened<Float16>>;
#if HWY_TARGET <= HWY_AVX3
  if (const LinearKernel* pairs = linear_kernel_avx512_bf16()) return pairs;
#endif
  return &kLinearKernel<Widened<BFloat16>>;
}

}  // namespace
}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker::cpu {

namespace {
HWY_EXPORT(linear_kernel);

// Quantised weights are for GPUs: here the reference has rows of x for each thread.
void quantized(Stream& stream, const LinearArgs& args) {
  parallel_for(stream.threads(), args.x.rows(), 1, [&](int64_t begin, int64_t end) {
    LinearArgs part = args;
    part.x = args.x.slice_rows(begin, end - begin);
    part.y = args.y.slice_rows(begin, end - begin);
    reference::linear(stream, part);
  });
}
}  // namespace

void linear(Stream& stream, const LinearArgs& args) {
  if (args.addend) {
    cast(stream, {args.y, args.addend});
    return linear(stream, {args.y, args.x, args.weight, args.bias, /*accumulate=*/true});
  }
  if (is_quantized(args.weight.dtype)) return quantized(stream, args);
  const int64_t l = args.x.rows(), o = args.weight.rows();
  if (l > kLinearRowsBitwise && linear_onednn(stream, args)) return;

  const LinearKernel& kernel = *HWY_DYNAMIC_DISPATCH(linear_kernel)(args.weight.dtype);
  constexpr int64_t kGroup = LinearKernel::kRowsPerGroup;
  void* packed = stream.scratch(kernel.packed_bytes(l, args.x.columns()));
  parallel_for(l > kLinearRowsBitwise ? stream.threads() : 1, l, kGroup,
               [&](int64_t begin, int64_t end) { kernel.pack(args.x, packed, begin, end); });
  // The longer side is divided; the bits do not depend on it.
  if (l > o)
    parallel_for(stream.threads(), l, kGroup, [&](int64_t begin, int64_t end) {
      kernel.product(args, packed, {begin, end}, {0, o});
    });
  else
    parallel_for(stream.threads(), o, 4, [&](int64_t begin, int64_t end) {
      kernel.product(args, packed, {0, l}, {begin, end});
    });
}

}  // namespace saker::cpu
#endif
