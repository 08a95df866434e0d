#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "ops/quantize/fp8_rows.cuh"
#include "ops/rms_norm/rms_norm.h"

namespace saker::cuda {

namespace {

// A block for a row, whose elements stay in registers between the sum and the product. Each thread adds up its elements
// in ascending order, the block in that of its warps.
template <class T, int kThreads, int kHeld>
__global__ void __launch_bounds__(kThreads) rms_norm_kernel(T* y, int64_t y_stride, const float* x, int64_t x_stride,
                                                            const float* weight, int64_t, int64_t c, float eps) {
  __shared__ float sums[kThreads / 32];
  x += blockIdx.x * x_stride;
  y += blockIdx.x * y_stride;
  float held[kHeld], squares = 0.0f;
#pragma unroll
  for (int j = 0; j < kHeld; ++j) {
    const int64_t i = static_cast<int64_t>(j) * kThreads + threadIdx.x;
    held[j] = i < c ? x[i] : 0.0f;
    squares = fmaf(held[j], held[j], squares);
  }
  for (int64_t i = static_cast<int64_t>(kHeld) * kThreads + threadIdx.x; i < c; i += kThreads)
    squares = fmaf(x[i], x[i], squares);
  const float scale = 1.0f / sqrtf(block_sum<kThreads>(squares, sums) / static_cast<float>(c) + eps);
  const auto write = [&](int64_t i, float value) { y[i] = round_to<T>((weight ? weight[i] : 1.0f) * (value * scale)); };
#pragma unroll
  for (int j = 0; j < kHeld; ++j) {
    const int64_t i = static_cast<int64_t>(j) * kThreads + threadIdx.x;
    if (i < c) write(i, held[j]);
  }
  for (int64_t i = static_cast<int64_t>(kHeld) * kThreads + threadIdx.x; i < c; i += kThreads) write(i, x[i]);
}

constexpr int kShortRows = 8;  // of a block, a warp for each

// Rows of up to 32 kHeld elements, without a barrier.
template <class T, int kHeld>
__global__ void __launch_bounds__(32 * kShortRows)
    rms_norm_short_kernel(T* y, int64_t y_stride, const float* x, int64_t x_stride, const float* weight, int64_t rows,
                          int64_t c, float eps) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kShortRows + threadIdx.x / 32;
  if (row >= rows) return;
  x += row * x_stride, y += row * y_stride;
  const int lane = threadIdx.x % 32;
  float held[kHeld], squares = 0.0f;
#pragma unroll
  for (int j = 0; j < kHeld; ++j) {
    const int i = j * 32 + lane;
    held[j] = i < c ? x[i] : 0.0f;
    squares = fmaf(held[j], held[j], squares);
  }
  const float scale = 1.0f / sqrtf(warp_sum(squares) / static_cast<float>(c) + eps);
#pragma unroll
  for (int j = 0; j < kHeld; ++j) {
    const int i = j * 32 + lane;
    if (i < c) y[i] = round_to<T>((weight ? weight[i] : 1.0f) * (held[j] * scale));
  }
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
  with_element(y.dtype, [&]<class T>(T) {
    auto* const to = static_cast<T*>(y.data);
    const auto *from = static_cast<const float*>(x.data), *weights = static_cast<const float*>(weight.data);
    const auto launch = [&](auto kernel, int rows_of_block, int threads) {
      kernel<<<static_cast<unsigned>(ceil_div(rows, rows_of_block)), threads, 0, handle(stream)>>>(
          to, y.row_stride, from, x.row_stride, weights, rows, c, static_cast<float>(eps));
    };
    if (c <= 32)
      launch(rms_norm_short_kernel<T, 1>, kShortRows, 32 * kShortRows);
    else if (c <= 256)
      launch(rms_norm_short_kernel<T, 8>, kShortRows, 32 * kShortRows);
    else if (c <= 512)
      launch(rms_norm_kernel<T, 128, 4>, 1, 128);
    else
      launch(rms_norm_kernel<T, 256, 16>, 1, 256);
  });
  state_of(stream).launched("rms_norm_kernel");
}

}  // namespace saker::cuda
