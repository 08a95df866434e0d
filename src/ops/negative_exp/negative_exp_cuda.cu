#include "device/cuda/launch.cuh"
#include "ops/negative_exp/negative_exp.h"

namespace saker::cuda {

namespace {

constexpr int kThreads = 256;

// Bytes: 8 an element; once per step and layer, on d_state values a channel.
__global__ void __launch_bounds__(kThreads) negative_exp_kernel(float* y, const float* x, int64_t count) {
  const int64_t i = blockIdx.x * int64_t{kThreads} + threadIdx.x;
  if (i < count) y[i] = static_cast<float>(-exp(static_cast<double>(x[i])));
}

}  // namespace

void negative_exp(Stream& stream, const NegativeExpArgs& args) {
  const int64_t count = args.x.shape.elements();
  negative_exp_kernel<<<static_cast<unsigned>(ceil_div(count, kThreads)), kThreads, 0, handle(stream)>>>(
      static_cast<float*>(args.y.data), static_cast<const float*>(args.x.data), count);
  state_of(stream).launched("negative_exp_kernel");
}

}  // namespace saker::cuda
