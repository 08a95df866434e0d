#include "device/cuda/compiled_code.cuh"

#include <cuda_runtime.h>

namespace saker::cuda {

namespace {
__global__ void any_kernel() {}
}  // namespace

int compiled_capability() noexcept {
  cudaFuncAttributes attributes{};
  if (cudaFuncGetAttributes(&attributes, any_kernel) == cudaSuccess) return attributes.ptxVersion;
  cudaGetLastError();
  return 0;
}

}  // namespace saker::cuda
