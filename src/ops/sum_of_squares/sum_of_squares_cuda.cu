// Blocks of fixed size are added up in double, as the squares of f32 are exact there; then the sums of the blocks, in a
// fixed order.
#include "device/cuda/launch.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/sum_of_squares/sum_of_squares.h"

namespace saker::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int64_t kBlock = 16 * 1024;  // elements

// Bytes: 4 an element. Each thread adds up its elements in ascending order.
template <int kWidth>
__global__ void __launch_bounds__(kThreads) squares_kernel(double* partial, const float* x, int64_t count) {
  __shared__ double shared[kThreads / 32];
  const int64_t begin = blockIdx.x * kBlock, end = begin + kBlock < count ? begin + kBlock : count;
  double sum = 0.0;
#pragma unroll 8
  for (int64_t i = begin + threadIdx.x * kWidth; i < end; i += kThreads * kWidth) {
    const Vector<float, kWidth> part = load_vector<kWidth>(x + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) sum = fma(static_cast<double>(part.at[k]), static_cast<double>(part.at[k]), sum);
  }
  sum = block_sum<kThreads>(sum, shared);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads) add_squares_kernel(double* to, const double* partial, int64_t blocks) {
  __shared__ double shared[kThreads / 32];
  double sum = 0.0;
#pragma unroll 8
  for (int64_t i = threadIdx.x; i < blocks; i += kThreads) sum += partial[i];
  sum = block_sum<kThreads>(sum, shared);
  if (threadIdx.x == 0) *to += sum;
}

}  // namespace

void sum_of_squares(Stream& stream, const SumOfSquaresArgs& args) {
  const auto& [sum, x] = args;
  const int64_t count = x.shape.elements(), blocks = ceil_div(count, kBlock);
  auto* const partial = static_cast<double*>(stream.gpu().scratch(static_cast<size_t>(blocks) * sizeof(double)));
  const auto* const from = static_cast<const float*>(x.data);
  // Contiguous, so that the number of elements is what counts.
  with_width(are_fours(count, {ConstTensorView(x.data, x.dtype, Shape{count})}), [&](auto width) {
    squares_kernel<width()><<<static_cast<unsigned>(blocks), kThreads, 0, handle(stream)>>>(partial, from, count);
  });
  add_squares_kernel<<<1, kThreads, 0, handle(stream)>>>(static_cast<double*>(sum.data), partial, blocks);
  state_of(stream).launched("squares_kernel");
}

}  // namespace saker::cuda
