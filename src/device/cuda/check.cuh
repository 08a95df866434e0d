// Errors of the CUDA runtime as saker::Error, with the call named; the current GPU, for a thread's own work or for what
// involves all of it.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <cstdint>
#include <mutex>

#include "core/error.h"

namespace saker::cuda {

inline void check(cudaError_t code, const char* call) {
  if (code == cudaSuccess) return;
  cudaGetLastError();  // so that it is not found again by the next to ask
  fail(code == cudaErrorMemoryAllocation ? ErrorCode::out_of_memory : ErrorCode::device, "[cuda] {}: {}", call,
       cudaGetErrorString(code));
}

// Of the runtime's calls for rows.
inline constexpr size_t kMaxPitch = (size_t{1} << 31) - 1;

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

// The same, and no thread records a graph meanwhile: for recording, and for what may involve the whole GPU (allocating,
// freeing, copying outside of streams, waiting for everything), which spoils a recording in any thread.
class WholeGpu {
 public:
  explicit WholeGpu(int gpu) : alone_(mutex()), guard_(gpu) {}
  WholeGpu() : WholeGpu(current()) {}

 private:
  static int current() {
    int gpu = 0;
    cudaGetDevice(&gpu);
    return gpu;
  }
  static std::recursive_mutex& mutex() {
    static std::recursive_mutex mutex;
    return mutex;
  }

  std::lock_guard<std::recursive_mutex> alone_;
  DeviceGuard guard_;
};

// gpu_waits().
inline std::atomic<int64_t> waits{0};

// Until all work that a GPU was given is done. Streams of GpuStream do not wait for what is done outside of them, nor
// the other way round.
inline void wait_for_all(int gpu) {
  const WholeGpu alone(gpu);
  ++waits;
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
}

}  // namespace saker::cuda
