#include "invariant/allocation_count.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<int64_t> allocations{0};
}  // namespace

int64_t saker::allocation_count() noexcept {
  return allocations;
}

// Takes the place of the standard one. That of over-aligned types stays as it is: we allocate none.
void* operator new(size_t bytes) {
  ++allocations;
  if (void* data = std::malloc(bytes != 0 ? bytes : 1)) return data;
  throw std::bad_alloc();
}

void operator delete(void* data) noexcept {
  std::free(data);
}

void operator delete(void* data, size_t) noexcept {
  std::free(data);
}
