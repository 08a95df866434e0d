// GPUs: what is there, their memory, and queues of work on them. Free of CUDA's headers: device/cuda implements it, and
// in builds without CUDA device/cuda/no_cuda.cpp, where no GPU is ever there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "device/place.h"

namespace saker {

struct GpuInfo {
  int index = 0;
  std::string name;          // "NVIDIA H200"
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  size_t memory_bytes = 0, free_bytes = 0;
};

// GPUs that this build can use; none where there is no driver.
std::vector<GpuInfo> list_gpus();
// Why list_gpus() is empty: "this build is without CUDA", or what the driver says.
std::string why_no_gpu();

// Throws out_of_memory unless `bytes` are free on the GPU, saying what they are for, how many are needed and how many
// are free. To be asked before anything is allocated.
void require_gpu_memory(int gpu, size_t bytes, const std::string& what);

// Memory of a GPU: zeroed. Throws out_of_memory.
void* gpu_allocate(int gpu, size_t bytes);
void gpu_release(int gpu, void* data) noexcept;
// Memory of the host that GPUs reach without a copy in between. Plain memory in builds without CUDA.
void* pinned_allocate(size_t bytes);
void pinned_release(void* data) noexcept;

// A block of `rows` rows of `width` bytes, `pitch` bytes apart.
struct Rows {
  void* data;
  size_t pitch;
  Place place;
};
struct ConstRows {
  const void* data;
  size_t pitch;
  Place place;
};
// Between any places; done when the calls return, and after all work that was put on the GPU's streams before.
void copy_rows(const Rows& to, const ConstRows& from, size_t width, size_t rows);
void copy_bytes(void* to, Place to_place, const void* from, Place from_place, size_t bytes);
void zero_rows(const Rows& to, size_t width, size_t rows);

// Random elements, made on the GPU, that depend on (seed, stream, index) alone: for models that only speed is asked of.
enum class RandomKind { normal, uniform };  // of deviation `scale`; in (-scale, scale]
void gpu_fill_random(int gpu, void* to, DType dtype, int64_t count, RandomKind kind, float scale, uint64_t seed,
                     uint64_t stream);

// How often this process has waited for a GPU so far: streams' wait(), what allocates, copies outside of streams, and
// lists that are staged faster than the GPU takes them.
int64_t gpu_waits() noexcept;

// What a GpuStream takes of its GPU's memory from the start.
inline constexpr size_t kGpuStreamBytes = size_t{64} << 20;

// An ordered queue of work on a GPU. What it is given runs later, in order; wait() returns when all is done. Errors of
// launches are kept and thrown by wait(): a step checks once. Not thread-safe; several streams may be used at once.
class GpuStream {
 public:
  explicit GpuStream(int gpu);
  ~GpuStream();
  GpuStream(const GpuStream&) = delete;
  GpuStream& operator=(const GpuStream&) = delete;

  int gpu() const noexcept;
  // Whether this GPU has products of fp8 with a scale for each row of both operands.
  bool multiplies_fp8() const noexcept;
  // Throws ErrorCode::device, naming the call, if anything failed since the last wait.
  void wait();

  // Copies in order with the other work; either side may be host memory, which must stay until wait() (pinned memory
  // for copies that do not hold up the caller).
  void copy(void* to, const void* from, size_t bytes) noexcept;
  // The same of `rows` rows of `width` bytes, whose begins are so many bytes apart; and zeros in memory of the GPU.
  void copy_rows(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t rows) noexcept;
  void zero_rows(void* to, size_t pitch, size_t width, size_t rows) noexcept;

  // Device memory of at least `bytes`, valid until the next call. Grows, and then stays.
  void* scratch(size_t bytes);

  // Small host arrays that kernels read, such as ids and segments: `list` numbers them, from 0. Copies `data` to the
  // list's memory on the GPU, whose address does not change as long as the list does not outgrow `reserve_list`.
  static constexpr int kLists = 4, kUnstaged = kLists - 1;
  void reserve_list(int list, size_t bytes);
  void stage(int list, const void* data, size_t bytes);
  // The GPU's copy of a host array, by its address and size: staged, or else copied now to the list kUnstaged.
  const void* staged(const void* data, size_t bytes);
  // The host arrays may change from here on: their copies are not found any more.
  void unstage() noexcept;
  // For as long as this lives arrays are staged; at its end unstage().
  class StagedLists {
   public:
    explicit StagedLists(GpuStream& stream) : stream_(stream) {}
    ~StagedLists() { stream_.unstage(); }
    StagedLists(const StagedLists&) = delete;
    StagedLists& operator=(const StagedLists&) = delete;

   private:
    GpuStream& stream_;
  };

  // Host memory of at least `bytes` that kernels write to; what they wrote is there after wait(). Valid until the next
  // call.
  void* results(size_t bytes);

  // Records what `work` puts on this stream instead of running it. Empty if something else in the process, such as
  // another library that waits for the whole GPU, spoiled the recording.
  class Graph {
   public:
    Graph() = default;
    explicit operator bool() const noexcept { return static_cast<bool>(executable_); }

   private:
    friend class GpuStream;
    std::shared_ptr<void> executable_;
  };
  Graph record(const std::function<void()>& work);
  void launch(const Graph& graph) noexcept;

  // Seconds of the GPU from `work`'s first kernel to its last.
  double time(const std::function<void()>& work);

  struct State;  // device/cuda/stream_state.cuh
  State& state() noexcept { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace saker
