#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/quantize/fp8_rows.cuh"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rms_norm/row_threads.cuh"

namespace saker::cuda {

namespace {

// A row stays in registers between the sum and the product; of one longer than they hold, the rest is read again. Each
// thread adds up its elements in ascending order. Bytes: 4 + sizeof(T) an element.
template <class T, class Threads>
__global__ void __launch_bounds__(Threads::kBlock)
    rms_norm_kernel(T* y, int64_t y_stride, const float* x, int64_t x_stride, const float* weight, int64_t rows, int c,
                    float eps) {
  constexpr int kHeld = Threads::kHeld, kWidth = Threads::kWidth;
  using Values = Vector<float, kWidth>;
  __shared__ float shared[Threads::kWarps][1];
  const int64_t row = static_cast<int64_t>(blockIdx.x) * Threads::kRows + threadIdx.y;
  const int end = row < rows ? c : 0;  // a row beyond the last takes part in the sums of its warp
  x += row * x_stride, y += row * y_stride;
  Values held[kHeld] = {};
  float squares[1] = {};
  const auto square = [&](const Values& values) {
#pragma unroll
    for (const float value : values.at) squares[0] = fmaf(value, value, squares[0]);
  };
#pragma unroll
  for (int j = 0; j < kHeld; ++j)
    if (Threads::at(j) < end) held[j] = load_vector<kWidth>(x + Threads::at(j));
#pragma unroll
  for (int j = 0; j < kHeld; ++j) square(held[j]);
#pragma unroll 1
  for (int i = Threads::at(kHeld); Threads::kMore && i < end; i += Threads::kStep) square(load_vector<kWidth>(x + i));

  add_over_row<Threads>(squares, shared);
  const float scale = 1.0f / sqrtf(squares[0] / static_cast<float>(c) + eps);
  const auto write = [&](int i, Values values) {
    const Values factors = weight_at<kWidth>(weight, i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) values.at[k] = factors.at[k] * (values.at[k] * scale);
    store_vector(y + i, rounded<T>(values));
  };
#pragma unroll
  for (int j = 0; j < kHeld; ++j)
    if (Threads::at(j) < end) write(Threads::at(j), held[j]);
#pragma unroll 1
  for (int i = Threads::at(kHeld); Threads::kMore && i < end; i += Threads::kStep) write(i, load_vector<kWidth>(x + i));
}

// As rms_norm_kernel, to rows of fp8 (ops/quantize/quantize.h). c a multiple of 8, x contiguous and 16-byte aligned.
template <int kThreads, int kHeld>
__global__ void __launch_bounds__(kThreads)
    rms_norm_fp8_kernel(uint2* codes, float* scales, const float* x, const float* weight, int c, float eps) {
  __shared__ float sums[kThreads / 32], maxima[kThreads / 32];
  x += blockIdx.x * static_cast<int64_t>(c);
  codes += blockIdx.x * static_cast<int64_t>(c) / 8;
  constexpr int kTurn = kThreads * 8;
  const int first = threadIdx.x * 8;
  float held[kHeld][8], value[8], squares = 0.0f, largest = 0.0f;
  const auto square = [&](const float(&values)[8]) {
#pragma unroll
    for (const float v : values) squares = fmaf(v, v, squares);
  };
  const auto weigh = [&](float(&values)[8], int at) {
    float w[8];
    if (weight) load_eight(w, weight + at);
#pragma unroll
    for (int k = 0; k < 8; ++k) values[k] *= weight ? w[k] : 1.0f;
    largest = largest_of(values, largest);
  };
#pragma unroll
  for (int v = 0; v < kHeld; ++v) {
    if (first + v * kTurn >= c) break;
    load_eight(held[v], x + first + v * kTurn);
    square(held[v]);
  }
  for (int at = first + kHeld * kTurn; at < c; at += kTurn) load_eight(value, x + at), square(value);
  const float norm = 1.0f / sqrtf(block_sum<kThreads>(squares, sums) / static_cast<float>(c) + eps);
#pragma unroll
  for (int v = 0; v < kHeld; ++v)
    if (first + v * kTurn < c) weigh(held[v], first + v * kTurn);
  for (int at = first + kHeld * kTurn; at < c; at += kTurn) load_eight(value, x + at), weigh(value, at);
  // The largest of the values before they are normalised, as this multiplies all of a row alike.
  const float scale = block_max<kThreads>(largest, maxima) * norm / Float8::kLargest;
  if (threadIdx.x == 0) scales[blockIdx.x] = scale;
  const MultiplyBy scaled{scale == 0.0f ? 0.0f : norm / scale};
#pragma unroll
  for (int v = 0; v < kHeld; ++v)
    if (first + v * kTurn < c) codes[(first + v * kTurn) / 8] = e4m3_codes(held[v], scaled);
  for (int at = first + kHeld * kTurn; at < c; at += kTurn) {
    load_eight(value, x + at), weigh(value, at);
    codes[at / 8] = e4m3_codes(value, scaled);
  }
}

void to_fp8(Stream& stream, const RmsNormArgs& args) {
  SAKER_CHECK(in_vectors(args.x), ErrorCode::invalid_argument,
              "[rms_norm] x: expected rows at multiples of 16 bytes, as y is fp8");
  const int64_t l = args.x.rows(), c = args.x.columns();
  auto* scales = reinterpret_cast<float*>(static_cast<std::byte*>(args.y.data) + code_bytes(DType::fp8, l, c));
  rms_norm_fp8_kernel<256, 2><<<static_cast<unsigned>(l), 256, 0, handle(stream)>>>(
      static_cast<uint2*>(args.y.data), scales, static_cast<const float*>(args.x.data),
      static_cast<const float*>(args.weight.data), static_cast<int>(c), static_cast<float>(args.eps));
  state_of(stream).launched("rms_norm_fp8_kernel");
}

}  // namespace

void rms_norm(Stream& stream, const RmsNormArgs& args) {
  const auto& [y, x, weight, eps] = args;
  const int64_t c = x.columns();
  const int64_t rows = x.rows();
  if (y.dtype == DType::fp8) return to_fp8(stream, args);
  // A row alone is added up as it is among others, whose strides count.
  const bool fours = are_fours(c, {y, x, weight}) && y.row_stride % 4 == 0 && x.row_stride % 4 == 0;
  with_element(y.dtype, [&]<class T>(T) {
    with_row_threads(c, fours, [&]<class Threads>(Threads) {
      const auto blocks = static_cast<unsigned>(ceil_div(rows, Threads::kRows));
      rms_norm_kernel<T, Threads><<<blocks, dim3(Threads::kThreads, Threads::kRows), 0, handle(stream)>>>(
          static_cast<T*>(y.data), y.row_stride, static_cast<const float*>(x.data), x.row_stride,
          static_cast<const float*>(weight.data), rows, static_cast<int>(c), static_cast<float>(eps));
    });
  });
  state_of(stream).launched("rms_norm_kernel");
}

}  // namespace saker::cuda
