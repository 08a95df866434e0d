#include "gpu_stand_in/stand_in.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "device/host_rows.h"

namespace saker {

namespace {

constexpr size_t kPage = 4096, kMost = size_t{8} << 30;

std::recursive_mutex& mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}
using Alone = std::lock_guard<std::recursive_mutex>;

std::atomic<int64_t> waits{0};

// One range of addresses, given out from the beginning and taken back when all of it is free.
class Memory {
 public:
  Memory()
      : begin_(static_cast<std::byte*>(
            ::mmap(nullptr, kMost, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    SAKER_CHECK(begin_ != MAP_FAILED, ErrorCode::out_of_memory, "[stand-in] no addresses for its memory");
  }

  void* allocate(size_t bytes) {
    const size_t rounded = (bytes + kPage - 1) / kPage * kPage + kPage;  // and a page between
    SAKER_CHECK(used_ + rounded <= kMost, ErrorCode::out_of_memory, "[stand-in] its memory is full");
    std::byte* const data = begin_ + used_;
    used_ += rounded;
    ++allocations_;
    bytes_ += bytes;
    sizes_.push_back({data, bytes});
    return data;
  }
  void release(void* data) noexcept {
    const auto found = std::ranges::find(sizes_, data, &Block::data);
    if (found == sizes_.end()) return;
    bytes_ -= found->bytes;
    sizes_.erase(found);
    if (--allocations_ > 0) return;
    ::madvise(begin_, used_, MADV_DONTNEED);
    used_ = 0;
  }
  bool has(const void* data) const noexcept { return data >= begin_ && data < begin_ + kMost; }
  void open(bool open) noexcept {
    if (used_ > 0 && ::mprotect(begin_, used_, open ? PROT_READ | PROT_WRITE : PROT_NONE) != 0) std::abort();
  }
  size_t bytes() const noexcept { return bytes_; }

 private:
  struct Block {
    void* data;
    size_t bytes;
  };
  std::byte* begin_;
  size_t used_ = 0, bytes_ = 0;
  int64_t allocations_ = 0;
  std::vector<Block> sizes_;
};

Memory& memory() {
  static Memory memory;
  return memory;
}

class Opened {
 public:
  Opened() { memory().open(true); }
  ~Opened() { memory().open(false); }
};

}  // namespace

struct GpuStream::State {
  struct List {
    static constexpr int kTurns = 4;
    void* device = nullptr;
    size_t capacity = 0, bytes = 0;
    const void* source = nullptr;
    int travelling = 0;  // copies that are queued
  };

  std::deque<std::function<void()>> work;
  std::array<List, kLists> lists;
  void* workspace = memory().allocate(kGpuStreamBytes);
  void* scratch = nullptr;
  size_t scratch_bytes = 0;
  std::vector<std::byte> results;

  void finish() {
    const Opened opened;
    for (; !work.empty(); work.pop_front()) work.front()();
  }
};

namespace {

std::vector<GpuStream*>& streams() {
  static std::vector<GpuStream*> streams;
  return streams;
}

void wait_for_all() {
  ++waits;
  for (GpuStream* stream : streams()) stream->state().finish();
}

}  // namespace

void put_on_stand_in(GpuStream& stream, std::function<void()> work) {
  const Alone alone(mutex());
  stream.state().work.push_back(std::move(work));
}
size_t stand_in_bytes() noexcept {
  return memory().bytes();
}

std::vector<GpuInfo> list_gpus() {
  return {{.index = 0,
           .name = "stand-in",
           .major = 9,
           .multiprocessors = 1,
           .memory_bytes = kMost,
           .free_bytes = kMost - memory().bytes()}};
}
std::string why_no_gpu() {
  return "";
}
int64_t gpu_waits() noexcept {
  return waits;
}
void require_gpu_memory(int, size_t bytes, const std::string& what) {
  SAKER_CHECK(bytes <= kMost - memory().bytes(), ErrorCode::out_of_memory, "[memory] {} needs {} bytes", what, bytes);
}
void* gpu_allocate(int, size_t bytes) {
  const Alone alone(mutex());
  wait_for_all();
  return memory().allocate(bytes);
}
void gpu_release(int, void* data) noexcept {
  const Alone alone(mutex());
  wait_for_all();
  memory().release(data);
}
void* pinned_allocate(size_t bytes) {
  return std::calloc(bytes, 1);
}
void pinned_release(void* data) noexcept {
  std::free(data);
}

// That what is said to lie on the host does, and the other way round.
void copy_rows(const Rows& to, const ConstRows& from, size_t width, size_t rows) {
  const Alone alone(mutex());
  if (width == 0 || rows == 0) return;
  SAKER_ASSERT(memory().has(to.data) != to.place.on_host() && memory().has(from.data) != from.place.on_host());
  if (!to.place.on_host() || !from.place.on_host()) wait_for_all();
  const Opened opened;
  copy_host_rows(to, from, width, rows);
}
void copy_bytes(void* to, Place to_place, const void* from, Place from_place, size_t bytes) {
  copy_rows({to, bytes, to_place}, {from, bytes, from_place}, bytes, 1);
}
void zero_rows(const Rows& to, size_t width, size_t rows) {
  const Alone alone(mutex());
  if (!to.place.on_host()) wait_for_all();
  const Opened opened;
  zero_host_rows(to, width, rows);
}
void gpu_fill_random(int, void*, DType, int64_t, RandomKind, float, uint64_t, uint64_t) {
  fail(ErrorCode::unsupported, "[stand-in] it makes no random numbers");
}

GpuStream::GpuStream(int) : state_(std::make_unique<State>()) {
  const Alone alone(mutex());
  streams().push_back(this);
}
GpuStream::~GpuStream() {
  const Alone alone(mutex());
  state_->finish();
  std::erase(streams(), this);
  memory().release(state_->workspace);
  memory().release(state_->scratch);
  for (const State::List& list : state_->lists) memory().release(list.device);
}
int GpuStream::gpu() const noexcept {
  return 0;
}
bool GpuStream::multiplies_fp8() const noexcept {
  return false;
}
void GpuStream::wait() {
  const Alone alone(mutex());
  ++waits;
  state_->finish();
}

void GpuStream::copy(void* to, const void* from, size_t bytes) noexcept {
  if (bytes > 0) put_on_stand_in(*this, [=] { std::memcpy(to, from, bytes); });
}
void GpuStream::copy_rows(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                          size_t rows) noexcept {
  put_on_stand_in(*this, [=] { copy_host_rows({to, to_pitch, kHost}, {from, from_pitch, kHost}, width, rows); });
}
void GpuStream::zero_rows(void* to, size_t pitch, size_t width, size_t rows) noexcept {
  SAKER_ASSERT(width == 0 || memory().has(to));
  put_on_stand_in(*this, [=] { zero_host_rows({to, pitch, kHost}, width, rows); });
}

void* GpuStream::scratch(size_t bytes) {
  const Alone alone(mutex());
  if (state_->scratch_bytes >= bytes) return state_->scratch;
  wait();
  memory().release(state_->scratch);
  state_->scratch = memory().allocate(bytes);
  state_->scratch_bytes = bytes;
  return state_->scratch;
}
void* GpuStream::results(size_t bytes) {
  if (state_->results.size() < bytes) state_->results.resize(bytes);
  return state_->results.data();
}

void GpuStream::reserve_list(int list, size_t bytes) {
  const Alone alone(mutex());
  State::List& l = state_->lists[static_cast<size_t>(list)];
  if (l.capacity >= bytes) return;
  wait();
  memory().release(l.device);
  l.device = memory().allocate(bytes);
  l.capacity = bytes;
}
void GpuStream::stage(int list, const void* data, size_t bytes) {
  const Alone alone(mutex());
  reserve_list(list, bytes);
  State::List& l = state_->lists[static_cast<size_t>(list)];
  l.source = data;
  l.bytes = bytes;
  if (bytes == 0) return;
  if (l.travelling == State::List::kTurns) wait();
  ++l.travelling;
  const auto* from = static_cast<const std::byte*>(data);
  put_on_stand_in(*this, [&l, held = std::vector<std::byte>(from, from + bytes), to = l.device] {
    std::memcpy(to, held.data(), held.size());
    --l.travelling;
  });
}
const void* GpuStream::staged(const void* data, size_t bytes) {
  const Alone alone(mutex());
  for (const State::List& list : state_->lists)
    if (list.source == data && list.bytes == bytes && list.device) return list.device;
  stage(kUnstaged, data, bytes);
  State::List& list = state_->lists[kUnstaged];
  list.source = nullptr;
  return list.device;
}
void GpuStream::unstage() noexcept {
  for (State::List& list : state_->lists) list.source = nullptr;
}

GpuStream::Graph GpuStream::record(const std::function<void()>&) {
  fail(ErrorCode::unsupported, "[stand-in] it records nothing");
}
void GpuStream::launch(const Graph&) noexcept {}
double GpuStream::time(const std::function<void()>& work) {
  work();
  wait();
  return 1.0;
}

}  // namespace saker
