// Programmatic dependent launch: a kernel that starts while the one before it still runs.
#pragma once

#include "device/cuda/launch.cuh"

namespace saker::cuda {

// Launches that overlap the end of the kernel before: the queues of weights fill while it still runs.
template <class... Params, class... Args>
void launch_overlapping(Stream& stream, void (*kernel)(Params...), dim3 grid, int threads, int bytes,
                        const Args&... args) {
  // One limit, whatever this launch needs: it belongs to the kernel, which other threads launch at the same time.
  state_of(stream).note(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, GpuStream::State::kOverlapShared),
      "launch_overlapping");
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid, config.blockDim = threads, config.dynamicSmemBytes = static_cast<size_t>(bytes);
  config.stream = handle(stream), config.attrs = &overlap, config.numAttrs = 1;
  state_of(stream).note(cudaLaunchKernelEx(&config, kernel, args...), "launch_overlapping");
}

// Whether the stream's GPU runs such kernels: they fill the shared memory of Hopper's multiprocessors.
inline bool has_overlap(Stream& stream) {
  return state_of(stream).overlaps;
}

}  // namespace saker::cuda
