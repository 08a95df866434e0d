// Errors of the CUDA runtime as saker::Error, with the call named.
#pragma once

#include <cuda_runtime.h>

#include "core/error.h"

namespace saker::cuda {

inline void check(cudaError_t code, const char* call) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // so that it is not found again by the next to ask
  fail(code == cudaErrorMemoryAllocation ? ErrorCode::out_of_memory : ErrorCode::device, "[cuda] {}: {}", call,
       cudaGetErrorString(code));
}

// The current device of this thread for as long as this lives.
class DeviceGuard {
 public:
  explicit DeviceGuard(int gpu) {
    cudaGetDevice(&before_);
    if (before_ != gpu) cudaSetDevice(gpu);
  }
  ~DeviceGuard() { cudaSetDevice(before_); }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int before_ = 0;
};

}  // namespace saker::cuda
