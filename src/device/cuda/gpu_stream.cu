#include <algorithm>
#include <cstring>
#include <utility>

#include "device/cuda/compiled_code.cuh"
#include "device/cuda/stream_state.cuh"

namespace saker {

using cuda::check;
using cuda::DeviceGuard;
using cuda::WholeGpu;

GpuStream::GpuStream(int gpu) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.gpu = gpu;
  const WholeGpu alone(gpu);
  int shared = 0;
  check(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, gpu), "cudaDeviceGetAttribute");
  int major = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, gpu), "cudaDeviceGetAttribute");
  s.multiplies_fp8 = major == 9;
  s.overlaps = cuda::compiled_capability() >= 90 && shared >= State::kOverlapShared;
  check(cudaStreamCreateWithFlags(&s.stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  const cublasStatus_t status = cublasLtCreate(&s.blas);
  SAKER_CHECK(status == CUBLAS_STATUS_SUCCESS, ErrorCode::device, "[cuda] cublasLtCreate: {}",
              cublasLtGetStatusString(status));
  check(cudaMalloc(&s.blas_workspace, State::kBlasWorkspace), "cudaMalloc");
}

GpuStream::~GpuStream() = default;

// Also of a stream that could not be made in full.
GpuStream::State::~State() {
  const WholeGpu alone(gpu);
  if (stream) cudaStreamSynchronize(stream);
  for (auto& [key, plan] : plans) {
    cublasLtMatrixLayoutDestroy(plan.right);
    cublasLtMatrixLayoutDestroy(plan.left);
    cublasLtMatrixLayoutDestroy(plan.y);
    cublasLtMatmulDescDestroy(plan.product);
  }
  if (blas) cublasLtDestroy(blas);
  cudaFree(blas_workspace);
  cudaFree(scratch);
  for (void* memory : outgrown) cudaFree(memory);
  cudaFreeHost(results);
  for (List& list : lists) {
    cudaFree(list.device);
    for (void* pinned : list.pinned) cudaFreeHost(pinned);
    for (cudaEvent_t event : list.travelled)
      if (event) cudaEventDestroy(event);
  }
  if (stream) cudaStreamDestroy(stream);
}

int GpuStream::gpu() const noexcept {
  return state_->gpu;
}

bool GpuStream::multiplies_fp8() const noexcept {
  return state_->multiplies_fp8;
}

void GpuStream::wait() {
  const DeviceGuard guard(state_->gpu);
  ++cuda::waits;
  state_->note(cudaStreamSynchronize(state_->stream), "cudaStreamSynchronize");
  state_->launched("launch");
  if (state_->error.empty()) return;
  const std::string error = std::exchange(state_->error, {});
  fail(ErrorCode::device, "[cuda] {}", error);
}

void GpuStream::copy(void* to, const void* from, size_t bytes) noexcept {
  if (bytes == 0) return;
  const DeviceGuard guard(state_->gpu);
  state_->note(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, state_->stream), "cudaMemcpyAsync");
}

void GpuStream::copy_rows(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                          size_t rows) noexcept {
  if (width == 0 || rows == 0) return;
  const DeviceGuard guard(state_->gpu);
  if (std::max(to_pitch, from_pitch) <= cuda::kMaxPitch)
    return state_->note(
        cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, rows, cudaMemcpyDefault, state_->stream),
        "cudaMemcpy2DAsync");
  for (size_t row = 0; row < rows; ++row)
    copy(static_cast<std::byte*>(to) + row * to_pitch, static_cast<const std::byte*>(from) + row * from_pitch, width);
}

void GpuStream::zero_rows(void* to, size_t pitch, size_t width, size_t rows) noexcept {
  const DeviceGuard guard(state_->gpu);
  for (size_t row = 0; row < rows && width > 0; ++row)
    state_->note(cudaMemsetAsync(static_cast<std::byte*>(to) + row * pitch, 0, width, state_->stream),
                 "cudaMemsetAsync");
}

void* GpuStream::scratch(size_t bytes) {
  State& s = *state_;
  if (s.scratch_bytes >= bytes) return s.scratch;
  const WholeGpu alone(s.gpu);
  ++cuda::waits;
  bytes = std::max(bytes, s.scratch_bytes + s.scratch_bytes / 4);
  if (s.has_recorded && s.scratch) {
    s.outgrown.push_back(s.scratch);
  } else {
    check(cudaStreamSynchronize(s.stream), "cudaStreamSynchronize");
    cudaFree(s.scratch);
  }
  s.scratch = nullptr;
  s.scratch_bytes = 0;
  check(cudaMalloc(&s.scratch, bytes), "cudaMalloc");
  s.scratch_bytes = bytes;
  return s.scratch;
}

void* GpuStream::results(size_t bytes) {
  State& s = *state_;
  if (s.results_bytes >= bytes) return s.results;
  const WholeGpu alone(s.gpu);
  ++cuda::waits;
  check(cudaStreamSynchronize(s.stream), "cudaStreamSynchronize");
  cudaFreeHost(std::exchange(s.results, nullptr));
  s.results_bytes = 0;
  check(cudaHostAlloc(&s.results, bytes, cudaHostAllocDefault), "cudaHostAlloc");
  s.results_bytes = bytes;
  return s.results;
}

void GpuStream::reserve_list(int list, size_t bytes) {
  State::List& l = state_->lists[static_cast<size_t>(list)];
  if (l.capacity >= bytes) return;
  const WholeGpu alone(state_->gpu);
  ++cuda::waits;
  check(cudaStreamSynchronize(state_->stream), "cudaStreamSynchronize");
  cudaFree(std::exchange(l.device, nullptr));
  l.capacity = 0;
  check(cudaMalloc(&l.device, bytes), "cudaMalloc");
  for (size_t i = 0; i < l.pinned.size(); ++i) {
    cudaFreeHost(std::exchange(l.pinned[i], nullptr));
    check(cudaHostAlloc(&l.pinned[i], bytes, cudaHostAllocDefault), "cudaHostAlloc");
    if (!l.travelled[i])
      check(cudaEventCreateWithFlags(&l.travelled[i], cudaEventDisableTiming), "cudaEventCreateWithFlags");
  }
  l.capacity = bytes;
}

void GpuStream::stage(int list, const void* data, size_t bytes) {
  reserve_list(list, bytes);
  State::List& l = state_->lists[static_cast<size_t>(list)];
  l.source = data;
  l.bytes = bytes;
  if (bytes == 0) return;
  const DeviceGuard guard(state_->gpu);
  l.turn = (l.turn + 1) % State::List::kTurns;
  const auto turn = static_cast<size_t>(l.turn);
  if (cudaEventQuery(l.travelled[turn]) == cudaErrorNotReady) {
    cudaGetLastError();
    ++cuda::waits;
    check(cudaEventSynchronize(l.travelled[turn]), "cudaEventSynchronize");
  }
  std::memcpy(l.pinned[turn], data, bytes);
  check(cudaMemcpyAsync(l.device, l.pinned[turn], bytes, cudaMemcpyHostToDevice, state_->stream), "cudaMemcpyAsync");
  check(cudaEventRecord(l.travelled[turn], state_->stream), "cudaEventRecord");
}

const void* GpuStream::staged(const void* data, size_t bytes) {
  for (const State::List& list : state_->lists)
    if (list.source == data && list.bytes == bytes && list.device) return list.device;
  stage(kUnstaged, data, bytes);
  State::List& list = state_->lists[kUnstaged];
  list.source = nullptr;  // another array may come to lie there
  return list.device;
}

void GpuStream::unstage() noexcept {
  for (State::List& list : state_->lists) list.source = nullptr;
}

GpuStream::Graph GpuStream::record(const std::function<void()>& work) {
  const WholeGpu alone(state_->gpu);
  const cudaStream_t stream = state_->stream;
  const std::string error_before = state_->error;
  state_->has_recorded = true;
  cudaGraph_t graph = nullptr;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  try {
    work();
  } catch (...) {
    cudaStreamEndCapture(stream, &graph);
    if (graph) cudaGraphDestroy(graph);
    throw;
  }
  const cudaError_t ended = cudaStreamEndCapture(stream, &graph);
  if (ended == cudaErrorStreamCaptureInvalidated) {  // launches after the spoiling one failed for it, too
    cudaGetLastError();
    state_->error = error_before;
    return {};
  }
  check(ended, "cudaStreamEndCapture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t code = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(code, "cudaGraphInstantiate");
  const auto release = [gpu = state_->gpu](void* pointer) {
    const WholeGpu alone_too(gpu);
    cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(pointer));
  };
  Graph made;
  made.executable_ = std::shared_ptr<void>(executable, release);
  return made;
}

void GpuStream::launch(const Graph& graph) noexcept {
  const DeviceGuard guard(state_->gpu);
  state_->note(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph.executable_.get()), state_->stream),
               "cudaGraphLaunch");
}

double GpuStream::time(const std::function<void()>& work) {
  const DeviceGuard guard(state_->gpu);
  cudaEvent_t begin = nullptr, end = nullptr;
  check(cudaEventCreate(&begin), "cudaEventCreate");
  check(cudaEventCreate(&end), "cudaEventCreate");
  check(cudaEventRecord(begin, state_->stream), "cudaEventRecord");
  work();
  check(cudaEventRecord(end, state_->stream), "cudaEventRecord");
  wait();
  float milliseconds = 0.0f;
  check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return 1e-3 * static_cast<double>(milliseconds);
}

}  // namespace saker
