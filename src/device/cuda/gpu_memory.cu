#include <algorithm>
#include <cstring>

#include "device/cuda/check.cuh"
#include "device/cuda/compiled_code.cuh"
#include "device/gpu.h"
#include "device/host_rows.h"

namespace saker {

namespace {

using cuda::check;
using cuda::DeviceGuard;
using cuda::wait_for_all;
using cuda::WholeGpu;

double gigabytes(size_t bytes) {
  return static_cast<double>(bytes) / 1e9;
}

// The GPU that one of the places names, if any.
int gpu_of(Place a, Place b) {
  return a.on_host() ? b.gpu : a.gpu;
}

}  // namespace

std::vector<GpuInfo> list_gpus() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    return {};
  }
  std::vector<GpuInfo> found;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, i) != cudaSuccess || properties.major < 8) continue;
    const DeviceGuard guard(i);
    if (cuda::compiled_capability() == 0) continue;
    GpuInfo info{.index = i,
                 .name = properties.name,
                 .major = properties.major,
                 .minor = properties.minor,
                 .multiprocessors = properties.multiProcessorCount};
    if (cudaMemGetInfo(&info.free_bytes, &info.memory_bytes) != cudaSuccess) continue;
    found.push_back(info);
  }
  cudaGetLastError();
  return found;
}

std::string why_no_gpu() {
  int count = 0, driver = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  cudaGetLastError();
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) return "this machine has no NVIDIA driver";
  if (code != cudaSuccess) return std::string("no GPU can be used: ") + cudaGetErrorString(code);
  return count == 0 ? "this machine has no NVIDIA GPU" : "this build has code for none of the GPUs here";
}

int64_t gpu_waits() noexcept {
  return cuda::waits;
}

void require_gpu_memory(int gpu, size_t bytes, const std::string& what) {
  const DeviceGuard guard(gpu);
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  SAKER_CHECK(bytes <= free, ErrorCode::out_of_memory,
              "[memory] {} needs {:.2f} GB on GPU {}, of whose {:.1f} GB {:.2f} are free", what, gigabytes(bytes), gpu,
              gigabytes(total), gigabytes(free));
}

void* gpu_allocate(int gpu, size_t bytes) {
  const WholeGpu alone(gpu);
  require_gpu_memory(gpu, bytes, "a buffer");
  void* data = nullptr;
  check(cudaMalloc(&data, bytes), "cudaMalloc");
  check(cudaMemset(data, 0, bytes), "cudaMemset");
  wait_for_all(gpu);
  return data;
}

void gpu_release(int gpu, void* data) noexcept {
  const WholeGpu alone(gpu);
  cudaFree(data);
}

void* pinned_allocate(size_t bytes) {
  const WholeGpu alone;
  void* data = nullptr;
  check(cudaHostAlloc(&data, bytes, cudaHostAllocPortable), "cudaHostAlloc");
  std::memset(data, 0, bytes);
  return data;
}

void pinned_release(void* data) noexcept {
  const WholeGpu alone;
  cudaFreeHost(data);
}

void copy_rows(const Rows& to, const ConstRows& from, size_t width, size_t rows) {
  if (width == 0 || rows == 0) return;
  const int gpu = gpu_of(to.place, from.place);
  if (gpu < 0) return copy_host_rows(to, from, width, rows);
  const WholeGpu alone(gpu);
  wait_for_all(gpu);
  if (!from.place.on_host() && from.place.gpu != gpu) wait_for_all(from.place.gpu);
  if (rows > 1 && std::max(to.pitch, from.pitch) > cuda::kMaxPitch) {
    for (size_t row = 0; row < rows; ++row)
      check(cudaMemcpy(static_cast<std::byte*>(to.data) + row * to.pitch,
                       static_cast<const std::byte*>(from.data) + row * from.pitch, width, cudaMemcpyDefault),
            "cudaMemcpy");
  } else if (width == to.pitch && width == from.pitch)
    check(cudaMemcpy(to.data, from.data, width * rows, cudaMemcpyDefault), "cudaMemcpy");
  else
    check(cudaMemcpy2D(to.data, rows == 1 ? width : to.pitch, from.data, rows == 1 ? width : from.pitch, width, rows,
                       cudaMemcpyDefault),
          "cudaMemcpy2D");
  wait_for_all(gpu);
}

void copy_bytes(void* to, Place to_place, const void* from, Place from_place, size_t bytes) {
  copy_rows({to, bytes, to_place}, {from, bytes, from_place}, bytes, 1);
}

void zero_rows(const Rows& to, size_t width, size_t rows) {
  if (width == 0 || rows == 0) return;
  if (to.place.on_host()) return zero_host_rows(to, width, rows);
  const WholeGpu alone(to.place.gpu);
  wait_for_all(to.place.gpu);
  for (size_t row = 0; row < rows; ++row)
    check(cudaMemsetAsync(static_cast<std::byte*>(to.data) + row * to.pitch, 0, width), "cudaMemsetAsync");
  wait_for_all(to.place.gpu);
}

}  // namespace saker
