#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "ops/cast/cast.h"

namespace saker::cuda {

namespace {

template <class T>
__global__ void cast_kernel(T* y, int64_t y_stride, const float* x, int64_t x_stride, int64_t c) {
  for (int64_t i = threadIdx.x; i < c; i += blockDim.x)
    y[blockIdx.x * y_stride + i] = round_to<T>(x[blockIdx.x * x_stride + i]);
}

}  // namespace

void cast(Stream& stream, const CastArgs& args) {
  const auto& [y, x] = args;
  with_element(y.dtype, [&]<class T>(T) {
    cast_kernel<T><<<static_cast<unsigned>(x.rows()), 256, 0, handle(stream)>>>(
        static_cast<T*>(y.data), y.row_stride, static_cast<const float*>(x.data), x.row_stride, x.columns());
  });
  state_of(stream).launched("cast_kernel");
}

}  // namespace saker::cuda
