// Builds without CUDA: no GPU is there. What needs one cannot be reached, for want of a backend that names one.
#include <cstdlib>

#include "core/error.h"
#include "device/gpu.h"
#include "device/host_rows.h"

namespace saker {

namespace {

[[noreturn]] void no_gpu() {
  fail(ErrorCode::unsupported, "[device] {}", why_no_gpu());
}

}  // namespace

struct GpuStream::State {};

std::vector<GpuInfo> list_gpus() {
  return {};
}
std::string why_no_gpu() {
  return "this build is without CUDA";
}

int64_t gpu_waits() noexcept {
  return 0;
}
void require_gpu_memory(int, size_t, const std::string&) {
  no_gpu();
}
void* gpu_allocate(int, size_t) {
  no_gpu();
}
void gpu_release(int, void*) noexcept {}

void* pinned_allocate(size_t bytes) {
  void* data = std::calloc(bytes, 1);
  SAKER_CHECK(data, ErrorCode::out_of_memory, "[memory] {} bytes are needed and not to be had", bytes);
  return data;
}
void pinned_release(void* data) noexcept {
  std::free(data);
}

void copy_rows(const Rows& to, const ConstRows& from, size_t width, size_t rows) {
  SAKER_ASSERT(to.place.on_host() && from.place.on_host());
  copy_host_rows(to, from, width, rows);
}
void copy_bytes(void* to, Place to_place, const void* from, Place from_place, size_t bytes) {
  copy_rows({to, bytes, to_place}, {from, bytes, from_place}, bytes, 1);
}
void zero_rows(const Rows& to, size_t width, size_t rows) {
  SAKER_ASSERT(to.place.on_host());
  zero_host_rows(to, width, rows);
}
void gpu_fill_random(int, void*, DType, int64_t, RandomKind, float, uint64_t, uint64_t) {
  no_gpu();
}

GpuStream::GpuStream(int) {
  no_gpu();
}
GpuStream::~GpuStream() = default;
int GpuStream::gpu() const noexcept {
  return -1;
}
bool GpuStream::multiplies_fp8() const noexcept {
  return false;
}
void GpuStream::wait() {}
void GpuStream::copy(void*, const void*, size_t) noexcept {}
void GpuStream::copy_rows(void*, size_t, const void*, size_t, size_t, size_t) noexcept {}
void GpuStream::zero_rows(void*, size_t, size_t, size_t) noexcept {}
void* GpuStream::scratch(size_t) {
  no_gpu();
}
void GpuStream::reserve_list(int, size_t) {}
void GpuStream::stage(int, const void*, size_t) {}
const void* GpuStream::staged(const void*, size_t) {
  no_gpu();
}
void GpuStream::unstage() noexcept {}
void* GpuStream::results(size_t) {
  no_gpu();
}
GpuStream::Graph GpuStream::record(const std::function<void()>&) {
  no_gpu();
}
void GpuStream::launch(const Graph&) noexcept {}
double GpuStream::time(const std::function<void()>&) {
  no_gpu();
}

}  // namespace saker
