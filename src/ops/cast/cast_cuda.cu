#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/cast/cast.h"

namespace saker::cuda {

namespace {

// A row of threads for a row, kWidth neighbours at a time. Bytes: 4 + sizeof(T) an element.
template <class T, int kWidth>
__global__ void cast_kernel(T* y, int64_t y_stride, const float* x, int64_t x_stride, int64_t rows, int64_t c) {
  const int64_t row = blockIdx.x * int64_t{blockDim.y} + threadIdx.y;
  if (row >= rows) return;
#pragma unroll 4
  for (int64_t i = threadIdx.x * kWidth; i < c; i += blockDim.x * kWidth) {
    const auto from = load_vector<kWidth>(x + row * x_stride + i);
    Vector<T, kWidth> to;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) to.at[k] = round_to<T>(from.at[k]);
    store_vector(y + row * y_stride + i, to);
  }
}

}  // namespace

void cast(Stream& stream, const CastArgs& args) {
  const auto& [y, x] = args;
  const int64_t rows = x.rows(), c = x.columns();
  const dim3 threads = c <= 128 ? dim3(32, 8) : dim3(256, 1);
  with_element(y.dtype, [&]<class T>(T) {
    with_width(are_fours(c, {y, x}), [&](auto width) {
      cast_kernel<T, width()><<<static_cast<unsigned>(ceil_div(rows, threads.y)), threads, 0, handle(stream)>>>(
          static_cast<T*>(y.data), y.row_stride, static_cast<const float*>(x.data), x.row_stride, rows, c);
    });
  });
  state_of(stream).launched("cast_kernel");
}

}  // namespace saker::cuda
