// y [b, o] (+)= x [b, i] weight [o, i]^T for 1 to 8 rows: the weights streamed once, x in shared memory.
#pragma once

#include "ops/linear/weight_stream.cuh"

namespace saker::cuda {

struct RowsProduct {
  StreamedWeight weight;  // [o, i]
  const float* bias;      // [o] or null
  const void* x;          // [b, i], rows x_stride apart
  void* y;                // [b, o] of the kernel's Y, rows y_stride apart
  int64_t x_stride, y_stride;
  int batch;
  bool accumulate;
};

template <class S>
constexpr int rows_product_bytes(int i, int batch) {
  return S::kBytes + S::F::Rows::bytes(i, batch) + S::scale_bytes(i);
}

// Y f32, or an element type for results that are not accumulated.
template <class S, class Y = float>
__global__ void __launch_bounds__(kStreamThreads, 2) rows_product_kernel(const RowsProduct p) {
  extern __shared__ __align__(128) char shared[];
  const int row = blockIdx.x * S::kRows, inputs = p.weight.inputs;
  launch_dependents();
  const typename S::F::Rows x(shared + S::kBytes, inputs, p.batch);
  WeightStream<S> stream(p.weight, row, 0, inputs, shared, shared + S::kBytes + S::F::Rows::bytes(inputs, p.batch));
  // A thread's results are all of one output.
  static_assert(kStreamThreads % S::kRows == 0);
  const float scale = output_scale<typename S::F>(p.weight, row + threadIdx.x % S::kRows);
  wait_for_predecessors();
  stream.fetch(x, p.x, p.x_stride, p.batch);
  float acc[S::kRowTiles][4];
  stream.multiply(acc, x, p.batch);
  float* sums = reinterpret_cast<float*>(shared);
  stream.reduce(acc, sums);
  for (int i = threadIdx.x; i < S::kRows * p.batch; i += kStreamThreads) {
    const int r = i % S::kRows, t = i / S::kRows, output = row + r;
    if (output >= p.weight.outputs) continue;
    Y* to = static_cast<Y*>(p.y) + t * p.y_stride + output;
    const float product = WeightStream<S>::result(sums, r, t) * scale + (p.bias ? p.bias[output] : 0.0f);
    if constexpr (sizeof(Y) == 4)
      *to = p.accumulate ? __ldcg(to) + product : product;
    else
      *to = round_to<Y>(product);
  }
}

}  // namespace saker::cuda
