// What a GpuStream holds, for the kernels behind device/gpu.h.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <array>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "device/backend.h"
#include "device/cuda/check.cuh"
#include "device/gpu.h"

namespace saker {

struct GpuStream::State {
  // A host array and its copy on the GPU. The pinned copies in between are used in turn, so that one can be filled
  // while the one before still travels.
  struct List {
    static constexpr int kTurns = 4;
    void* device = nullptr;
    std::array<void*, kTurns> pinned{};
    std::array<cudaEvent_t, kTurns> travelled{};
    int turn = 0;
    size_t capacity = 0;
    const void* source = nullptr;
    size_t bytes = 0;
  };
  // A product of cuBLASLt as it was planned for its shape, strides and alignment.
  using PlanKey = std::tuple<int64_t, int64_t, int64_t, int, int64_t, int64_t, int64_t, int>;
  struct Plan {
    cublasLtMatmulDesc_t product = nullptr;
    cublasLtMatrixLayout_t right = nullptr, left = nullptr, y = nullptr;
    cublasLtMatmulAlgo_t algorithm{};
    bool found = false;
  };

  int gpu = 0;
  bool overlaps = false;  // kernels were compiled for Hopper or newer, and find kOverlapShared bytes of shared memory
  bool multiplies_fp8 = false;
  cudaStream_t stream = nullptr;
  cublasLtHandle_t blas = nullptr;
  void* blas_workspace = nullptr;
  std::map<PlanKey, Plan> plans;
  void* scratch = nullptr;
  std::vector<void*> outgrown;  // scratch memory that recorded graphs may still use
  size_t scratch_bytes = 0;
  bool has_recorded = false;
  void* results = nullptr;  // pinned
  size_t results_bytes = 0;
  std::array<List, kLists> lists;
  std::string error;  // the first since the last wait

  static constexpr size_t kBlasWorkspace = kGpuStreamBytes;
  static constexpr int kOverlapShared = 227 << 10;

  State() = default;
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Remembers a failure for wait().
  void note(cudaError_t code, const char* call) noexcept {
    if (code != cudaSuccess && error.empty()) error = std::string(call) + ": " + cudaGetErrorString(code);
  }
  // After a launch.
  void launched(const char* kernel) noexcept { note(cudaGetLastError(), kernel); }
};

namespace cuda {

// For the operations: also makes the stream's GPU the current one of this thread, as launches need.
inline GpuStream::State& state_of(Stream& stream) {
  GpuStream::State& state = stream.gpu().state();
  cudaSetDevice(state.gpu);
  return state;
}
inline cudaStream_t handle(Stream& stream) {
  return state_of(stream).stream;
}

}  // namespace cuda
}  // namespace saker
