// Few rows: a matrix-vector kernel limited by the bytes of the weights. More rows: oneDNN (linear_cpu_onednn.cpp).
//
// A block of weight rows is read once and meets all rows of x, eight at a time. Every sum y[t, o] is built in the same
// order - one accumulator per lane, ascending - whatever the block it is in: hence the bitwise promise of linear.h.

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/linear/linear_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/linear/linear.h"
#include "ops/linear/linear_onednn.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

// Rows of x in one pass over a block of weights.
constexpr int64_t kRowsPerPass = 8;

// Weight rows in a block that meets `rows` rows of x: as many sums as the registers hold.
constexpr int64_t outputs_per_block(int64_t rows) {
#if HWY_TARGET <= HWY_AVX3
  constexpr int64_t kSums = 24;
#else
  constexpr int64_t kSums = 12;
#endif
  const int64_t outputs = kSums / rows;
  return outputs < 1 ? 1 : outputs > 8 ? 8 : outputs;
}

// x [l, i] in f32, rows padded with zeros to whole vectors.
struct WideRows {
  const float* data;
  int64_t stride;
};

// y[t, o] for kRows rows of x and kOutputs rows of the weight, starting at row 0 and `o`.
template <int64_t kRows, int64_t kOutputs, class Weight>
HWY_INLINE void product_block(const LinearArgs& args, WideRows x, int64_t t0, int64_t o) {
  const F32 d;
  const size_t lanes = hn::Lanes(d), n = static_cast<size_t>(args.weight.columns());
  const Weight* HWY_RESTRICT w[kOutputs];
  for (int64_t j = 0; j < kOutputs; ++j) w[j] = args.weight.as<Weight>() + (o + j) * args.weight.columns();
  const float* HWY_RESTRICT row[kRows];
  for (int64_t t = 0; t < kRows; ++t) row[t] = x.data + (t0 + t) * x.stride;

  VecF32 sum[kOutputs][kRows];
  for (int64_t j = 0; j < kOutputs; ++j)
    for (int64_t t = 0; t < kRows; ++t) sum[j][t] = hn::Zero(d);
  const auto add = [&](size_t i, const auto& weights_at) HWY_ATTR {
    VecF32 weights[kOutputs];
    for (int64_t j = 0; j < kOutputs; ++j) weights[j] = weights_at(w[j] + i);
    for (int64_t t = 0; t < kRows; ++t) {
      const VecF32 inputs = hn::LoadU(d, row[t] + i);
      for (int64_t j = 0; j < kOutputs; ++j) sum[j][t] = hn::MulAdd(weights[j], inputs, sum[j][t]);
    }
  };
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) add(i, [&](const Weight* from) HWY_ATTR { return load_f32(d, from); });
  if (i < n) add(i, [&](const Weight* from) HWY_ATTR { return load_tail_f32(d, from, n - i); });

  for (int64_t t = 0; t < kRows; ++t) {
    float* y = args.y.as<float>() + args.y.offset(t0 + t);
    for (int64_t j = 0; j < kOutputs; ++j) {
      float value = hn::GetLane(hn::SumOfLanes(d, sum[j][t]));
      if (args.bias) value += args.bias.as<float>()[o + j];
      y[o + j] = args.accumulate ? y[o + j] + value : value;
    }
  }
}

template <int64_t kRows, class Weight>
void product_rows(const LinearArgs& args, WideRows x, int64_t t0, int64_t begin, int64_t end) {
  constexpr int64_t kOutputs = outputs_per_block(kRows);
  int64_t o = begin;
  for (; o + kOutputs <= end; o += kOutputs) product_block<kRows, kOutputs, Weight>(args, x, t0, o);
  for (; o < end; ++o) product_block<kRows, 1, Weight>(args, x, t0, o);
}

template <class Weight>
void product_pass(const LinearArgs& args, WideRows x, int64_t t0, int64_t rows, int64_t begin, int64_t end) {
  switch (rows) {
    case 1:
      return product_rows<1, Weight>(args, x, t0, begin, end);
    case 2:
      return product_rows<2, Weight>(args, x, t0, begin, end);
    case 3:
      return product_rows<3, Weight>(args, x, t0, begin, end);
    case 4:
      return product_rows<4, Weight>(args, x, t0, begin, end);
    case 5:
      return product_rows<5, Weight>(args, x, t0, begin, end);
    case 6:
      return product_rows<6, Weight>(args, x, t0, begin, end);
    case 7:
      return product_rows<7, Weight>(args, x, t0, begin, end);
    default:
      return product_rows<8, Weight>(args, x, t0, begin, end);
  }
}

// Outputs [begin, end) of all rows.
template <class Weight>
void product(const LinearArgs& args, WideRows x, int64_t begin, int64_t end) {
  const int64_t l = args.x.rows();
  if (l <= kRowsPerPass) return product_pass<Weight>(args, x, 0, l, begin, end);
  // Blocks that stay in the first-level cache while the passes go by.
  constexpr int64_t kBlock = 24;
  for (int64_t o = begin; o < end; o += kBlock)
    for (int64_t t = 0; t < l; t += kRowsPerPass)
      product_pass<Weight>(args, x, t, HWY_MIN(kRowsPerPass, l - t), o, HWY_MIN(o + kBlock, end));
}

void few_rows_product(const LinearArgs& args, const float* x, int64_t x_stride, int64_t begin, int64_t end) {
  const WideRows rows{x, x_stride};
  switch (args.weight.dtype) {
    case DType::f32:
      return product<float>(args, rows, begin, end);
    case DType::bf16:
      return product<BFloat16>(args, rows, begin, end);
    default:
      return product<Float16>(args, rows, begin, end);
  }
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(few_rows_product);

namespace {

constexpr int64_t kVectorPadding = 64;  // floats; the longest vector of any instruction set we compile for

// x widened into scratch; what lies between a row's end and its padding is zero.
const float* widen(Stream& stream, const ConstTensorView& x, int64_t stride) {
  auto* wide = static_cast<float*>(stream.scratch(static_cast<size_t>(x.rows() * stride) * sizeof(float)));
  for (int64_t t = 0; t < x.rows(); ++t) {
    const auto* from = x.as<std::byte>() + static_cast<size_t>(x.offset(t)) * size_of(x.dtype);
    convert_elements(wide + t * stride, DType::f32, from, x.dtype, x.columns());
    std::fill(wide + t * stride + x.columns(), wide + (t + 1) * stride, 0.0f);
  }
  return wide;
}

}  // namespace

namespace cpu {

void linear(Stream& stream, const LinearArgs& args) {
  if (args.x.rows() > kLinearRowsBitwise) return linear_onednn(stream, args);
  const int64_t stride = (args.x.columns() + kVectorPadding - 1) / kVectorPadding * kVectorPadding;
  const float* x = widen(stream, args.x, stride);
  // Borders at multiples of every block size keep the blocks whole; results do not depend on them.
  parallel_for(stream.threads(), args.weight.rows(), 24, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(few_rows_product)(args, x, stride, begin, end);
  });
}

}  // namespace cpu
}  // namespace saker
#endif
