#include "device/cuda/launch.cuh"
#include "ops/log_sum_exp/log_sum_exp.h"

namespace saker::cuda {

namespace {

constexpr int kThreads = 512;

// A block for a row: the largest element, then the sum; the second pass finds the row in the cache.
__global__ void __launch_bounds__(kThreads)
    log_sum_exp_kernel(float* y, int64_t y_stride, const float* x, int64_t x_stride, int64_t c) {
  __shared__ float shared[kThreads / 32];
  x += blockIdx.x * x_stride;
  float largest = -INFINITY;
  for (int64_t i = threadIdx.x; i < c; i += kThreads) largest = fmaxf(largest, x[i]);  // passes over NaN
  largest = block_max<kThreads>(largest, shared);
  const float base = isinf(largest) ? 0.0f : largest;
  float sum = 0.0f;
  for (int64_t i = threadIdx.x; i < c; i += kThreads) sum += expf(x[i] - base);
  sum = block_sum<kThreads>(sum, shared);
  if (threadIdx.x == 0) y[blockIdx.x * y_stride] = base + logf(sum);
}

}  // namespace

void log_sum_exp(Stream& stream, const LogSumExpArgs& args) {
  const auto& [y, x] = args;
  log_sum_exp_kernel<<<static_cast<unsigned>(x.rows()), kThreads, 0, handle(stream)>>>(
      static_cast<float*>(y.data), y.row_stride, static_cast<const float*>(x.data), x.row_stride, x.columns());
  state_of(stream).launched("log_sum_exp_kernel");
}

}  // namespace saker::cuda
