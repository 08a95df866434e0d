// Where work runs: a table of operations chosen once at start, and the queue that work is put on.
#pragma once

#include <memory>
#include <string_view>

#include "device/buffer.h"
#include "device/gpu.h"

namespace saker {

struct OpTable;  // ops/op_table.h

enum class BackendKind { reference, cpu, cuda };

std::string_view name(BackendKind kind) noexcept;

// A value; the table it points to lives as long as the program.
struct Backend {
  BackendKind kind = BackendKind::cpu;
  const OpTable* ops = nullptr;
  int threads = 1;
  int gpu = -1;  // of BackendKind::cuda

  // Where the tensors that operations work on lie.
  Place place() const noexcept { return {gpu}; }
};

// An ordered queue of work on a backend. On the CPU work is done when the call returns; on a GPU after wait(). One
// stream serves one caller at a time; several streams may be used at once.
class Stream {
 public:
  explicit Stream(const Backend& backend);

  const Backend& backend() const noexcept { return backend_; }
  const OpTable& ops() const noexcept { return *backend_.ops; }
  int threads() const noexcept { return backend_.threads; }

  // The queue of a CUDA backend.
  GpuStream& gpu() const noexcept { return *gpu_; }
  bool on_gpu() const noexcept { return gpu_ != nullptr; }
  // Returns when all work is done. Throws ErrorCode::device if some of it failed.
  void wait() const {
    if (gpu_) gpu_->wait();
  }

  // Host memory of at least `bytes`, 64-byte aligned, valid until the next call. Grows, and then stays.
  void* scratch(size_t bytes) { return grown(scratch_, bytes); }
  // The same for operations that are made of others, which use scratch().
  void* outer_scratch(size_t bytes) { return grown(outer_scratch_, bytes); }

 private:
  static void* grown(Buffer& buffer, size_t bytes) {
    if (buffer.bytes() < bytes) buffer = Buffer(bytes);
    return buffer.data();
  }

  Backend backend_;
  Buffer scratch_, outer_scratch_;
  std::shared_ptr<GpuStream> gpu_;
};

}  // namespace saker
