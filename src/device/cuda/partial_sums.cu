#include "device/cuda/partial_sums.cuh"

#include "device/cuda/launch.cuh"

namespace saker::cuda {

namespace {

constexpr int kColumns = 32, kParts = 16;

// A block for 32 columns. Each of 16 rows of threads adds up its part of the groups, in ascending order, the first then
// the parts. Bytes: 4 for each partial sum.
__global__ void __launch_bounds__(kColumns* kParts)
    add_partial_sums_kernel(float* to, const float* partial, int64_t count, int64_t columns) {
  __shared__ float sums[kParts][kColumns];
  const int64_t column = blockIdx.x * int64_t{kColumns} + threadIdx.x;
  const int64_t each = (count + kParts - 1) / kParts, begin = each * threadIdx.y;
  const int64_t end = begin + each < count ? begin + each : count;
  float sum = 0.0f;
  if (column < columns) {
#pragma unroll 8
    for (int64_t group = begin; group < end; ++group) sum += partial[group * columns + column];
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || column >= columns) return;
  float total = 0.0f;
#pragma unroll
  for (int part = 0; part < kParts; ++part) total += sums[part][threadIdx.x];
  to[column] += total;
}

}  // namespace

void add_partial_sums(Stream& stream, float* to, const float* partial, int64_t count, int64_t columns) {
  add_partial_sums_kernel<<<static_cast<unsigned>(ceil_div(columns, kColumns)), dim3(kColumns, kParts), 0,
                            handle(stream)>>>(to, partial, count, columns);
  state_of(stream).launched("add_partial_sums_kernel");
}

}  // namespace saker::cuda
