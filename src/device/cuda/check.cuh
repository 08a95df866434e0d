// Errors of the CUDA runtime as saker::Error, with the call named; the current GPU; waiting for all of it.
#pragma once

#include <cuda_runtime.h>

#include <mutex>

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

// Held while a graph is recorded, and while a whole GPU is waited for, which CUDA forbids in any thread during the
// first.
inline std::recursive_mutex& recording_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

// Until all work that the current GPU was given is done. Streams of GpuStream do not wait for what is done outside of
// them, nor the other way round.
inline void wait_for_all() {
  const std::lock_guard alone(recording_mutex());
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
}

}  // namespace saker::cuda
