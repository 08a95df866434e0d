#include "device/cuda/launch.cuh"
#include "ops/pick_columns/pick_columns.h"

namespace saker::cuda {

namespace {

__global__ void pick_columns_kernel(float* y, int64_t y_stride, const float* x, int64_t x_stride, const int32_t* ids,
                                    int64_t l) {
  const int64_t t = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (t < l) y[t * y_stride] = x[t * x_stride + ids[t]];
}

}  // namespace

void pick_columns(Stream& stream, const PickColumnsArgs& args) {
  const auto l = static_cast<int64_t>(args.ids.size());
  const int32_t* ids = on_gpu(stream, args.ids);
  pick_columns_kernel<<<static_cast<unsigned>(ceil_div(l, 128)), 128, 0, handle(stream)>>>(
      static_cast<float*>(args.y.data), args.y.row_stride, static_cast<const float*>(args.x.data), args.x.row_stride,
      ids, l);
  state_of(stream).launched("pick_columns_kernel");
}

}  // namespace saker::cuda
