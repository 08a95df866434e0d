#include "invariant/allocation_count.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<int64_t> allocations{0}, deletions{0};

void release(void* data) noexcept {
  if (data != nullptr) ++deletions;
  std::free(data);
}
}  // namespace

int64_t saker::allocation_count() noexcept {
  return allocations;
}

int64_t saker::live_allocation_count() noexcept {
  return allocations - deletions;
}

// Takes the place of the standard one. That of over-aligned types stays as it is: we allocate none.
void* operator new(size_t bytes) {
  ++allocations;
  if (void* data = std::malloc(bytes != 0 ? bytes : 1)) return data;
  throw std::bad_alloc();
}

void operator delete(void* data) noexcept {
  release(data);
}

void operator delete(void* data, size_t) noexcept {
  release(data);
}
