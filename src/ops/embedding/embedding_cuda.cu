#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "ops/embedding/embedding.h"

namespace saker::cuda {

namespace {

template <class T>
__global__ void embedding_kernel(float* h, int64_t h_stride, const T* table, int64_t table_stride, const int32_t* ids,
                                 int64_t d) {
  const T* row = table + ids[blockIdx.x] * table_stride;
  for (int64_t i = threadIdx.x; i < d; i += blockDim.x) h[blockIdx.x * h_stride + i] = widen(row[i]);
}

}  // namespace

void embedding(Stream& stream, const EmbeddingArgs& args) {
  const auto& [h, table, ids] = args;
  if (table.columns() == 0) return;
  const int32_t* list = on_gpu(stream, ids);
  with_element(table.dtype, [&]<class T>(T) {
    embedding_kernel<T><<<static_cast<unsigned>(ids.size()), 256, 0, handle(stream)>>>(
        static_cast<float*>(h.data), h.row_stride, static_cast<const T*>(table.data), table.row_stride, list,
        table.columns());
  });
  state_of(stream).launched("embedding_kernel");
}

}  // namespace saker::cuda
