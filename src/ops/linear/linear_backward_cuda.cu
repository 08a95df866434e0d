#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/partial_sums.cuh"
#include "ops/cast/cast.h"
#include "ops/gpu_scratch.h"
#include "ops/linear/blas_product.cuh"
#include "ops/linear/linear_backward.h"

namespace saker::cuda {

namespace {

constexpr int kColumns = 128;

// A thread for a column of a group of rows, in ascending order. Bytes: sizeof(T) an element of dy.
template <class T>
__global__ void __launch_bounds__(kColumns)
    column_sums_kernel(float* partial, const T* dy, int64_t dy_stride, int64_t l, int64_t o, int64_t rows) {
  const int64_t column = blockIdx.y * int64_t{kColumns} + threadIdx.x, begin = blockIdx.x * rows;
  const int64_t end = begin + rows < l ? begin + rows : l;
  if (column >= o) return;
  float sum = 0.0f;
#pragma unroll 8
  for (int64_t t = begin; t < end; ++t) sum += widen(dy[t * dy_stride + column]);
  partial[blockIdx.x * o + column] = sum;
}

void add_bias_gradient(Stream& stream, const TensorView& dbias, const ConstTensorView& dy) {
  const int64_t o = dy.columns();
  const auto [rows, groups] = row_groups(dy.rows());
  auto* const partial = static_cast<float*>(stream.gpu().scratch(row_sums_scratch_bytes(dy.rows(), o)));
  const dim3 grid(static_cast<unsigned>(groups), static_cast<unsigned>(ceil_div(o, kColumns)));
  with_element(dy.dtype, [&]<class T>(T) {
    column_sums_kernel<<<grid, kColumns, 0, handle(stream)>>>(partial, static_cast<const T*>(dy.data), dy.row_stride,
                                                              dy.rows(), o, rows);
  });
  state_of(stream).launched("column_sums_kernel");
  add_partial_sums(stream, static_cast<float*>(dbias.data), partial, groups, o);
}

// dy in the type of x, in scratch memory unless it is of that type. Rows begin at multiples of 16 bytes.
ConstTensorView rounded(Stream& stream, const ConstTensorView& dy, DType type) {
  if (dy.dtype == type) return dy;
  const int64_t stride = ceil_div(dy.columns(), 8) * 8;
  void* const to = stream.gpu().scratch(rounded_scratch_bytes(dy.rows(), dy.columns(), type));
  const TensorView made(to, type, dy.shape, stride);
  cast(stream, {made, dy});
  return made;
}

}  // namespace

// dweight is written once by its product, and read unless it is set, whose sum over the tokens stays on the chip.
void linear_backward(Stream& stream, const LinearBackwardArgs& args) {
  const auto& [dx, dweight, dbias, dy, x, weight, accumulate, first] = args;
  if (dbias) add_bias_gradient(stream, dbias, dy);
  if (!dx && !dweight) return;
  const ConstTensorView gradient = rounded(stream, dy, x.dtype);
  if (dx) blas_product(stream, {.y = dx, .left = gradient, .right = weight, .accumulate = accumulate});
  if (dweight)
    blas_product(stream, {.y = dweight, .left = gradient, .right = x, .left_transposed = true, .accumulate = !first});
}

}  // namespace saker::cuda
