// Measures how fast this machine reads memory: the roof of decoding. Every thread sums its own contiguous part of a
// gibibyte in 2 MiB pages, in one stream (the pattern that reads fastest on the machines we know). Prints GB/s.
//
//   read_bandwidth THREADS
#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr size_t buffer_bytes = size_t{1} << 30;
constexpr int passes = 9;

using Vector [[gnu::vector_size(64)]] = uint64_t;
constexpr int accumulators = 8;

uint64_t sum(const Vector* data, size_t count) {
  std::array<Vector, accumulators> sums = {};
  for (size_t i = 0; i < count; i += accumulators)
    for (int j = 0; j < accumulators; ++j) sums[j] += data[i + j];
  uint64_t total = 0;
  for (const Vector& s : sums)
    for (int lane = 0; lane < 8; ++lane) total += s[lane];
  return total;
}

struct Pass {
  double seconds;
  uint64_t total;
};

Pass read_all(const Vector* data, int threads) {
  const size_t part = buffer_bytes / sizeof(Vector) / threads / accumulators * accumulators;
  uint64_t total = 0;
  const double start = omp_get_wtime();
#pragma omp parallel num_threads(threads) reduction(+ : total)
  total += sum(data + part * omp_get_thread_num(), part);
  return {omp_get_wtime() - start, total};
}

}  // namespace

int main(int count, char** arguments) {
  const int threads = count == 2 ? std::atoi(arguments[1]) : 0;
  if (threads < 1) {
    std::fprintf(stderr, "usage: read_bandwidth THREADS\n");
    return 2;
  }
  void* memory = std::aligned_alloc(size_t{2} << 20, buffer_bytes);
  if (!memory) return 1;
  madvise(memory, buffer_bytes, MADV_HUGEPAGE);
#pragma omp parallel for num_threads(threads)
  for (size_t i = 0; i < buffer_bytes; i += 4096) std::memset(static_cast<char*>(memory) + i, int(i >> 12 & 255), 4096);

  std::array<double, passes> rates;
  uint64_t total = 0;
  for (double& rate : rates) {
    const Pass pass = read_all(static_cast<const Vector*>(memory), threads);
    rate = buffer_bytes / pass.seconds / 1e9;
    total += pass.total;
  }
  std::sort(rates.begin(), rates.end());
  std::fprintf(stderr, "sum %llu\n", static_cast<unsigned long long>(total));  // keeps the loads alive
  std::printf("%.2f\n", rates[passes / 2]);
}
