// What a GPU does while a program runs, by CUPTI: a library that CUDA loads into the program (CUDA_INJECTION64_PATH).
// When the program ends it writes the file named by GPU_TRACE: a line "name NUMBER NAME" for every kernel (copies and
// sets of memory are "copy" and "set"), and "NUMBER BEGIN END BLOCKS", in nanoseconds, for every time it ran.
#include <cupti.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

struct Run {
  size_t name;
  uint64_t begin, end;
  int64_t blocks;
};

// Never destroyed: CUPTI delivers to the end of the process.
struct Trace {
  std::mutex mutex;
  std::unordered_map<std::string, size_t> numbers;
  std::vector<Run> runs;

  void add(const char* name, uint64_t begin, uint64_t end, int64_t blocks) {
    runs.push_back({numbers.emplace(name, numbers.size()).first->second, begin, end, blocks});
  }
};

Trace& trace() {
  static auto* one = new Trace;
  return *one;
}

constexpr size_t kBufferBytes = 16 << 20;

void CUPTIAPI on_request(uint8_t** buffer, size_t* bytes, size_t* most_records) {
  *buffer = static_cast<uint8_t*>(std::aligned_alloc(8, kBufferBytes));
  *bytes = *buffer ? kBufferBytes : 0;
  *most_records = 0;
}

void CUPTIAPI on_complete(CUcontext, uint32_t, uint8_t* buffer, size_t, size_t valid_bytes) {
  Trace& to = trace();
  const std::lock_guard lock(to.mutex);
  CUpti_Activity* record = nullptr;
  while (cuptiActivityGetNextRecord(buffer, valid_bytes, &record) == CUPTI_SUCCESS) {
    if (record->kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
      const auto* kernel = reinterpret_cast<const CUpti_ActivityKernel9*>(record);
      to.add(kernel->name, kernel->start, kernel->end, int64_t{kernel->gridX} * kernel->gridY * kernel->gridZ);
    } else if (record->kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
      const auto* copy = reinterpret_cast<const CUpti_ActivityMemcpy5*>(record);
      to.add("copy", copy->start, copy->end, 0);
    } else if (record->kind == CUPTI_ACTIVITY_KIND_MEMSET) {
      const auto* set = reinterpret_cast<const CUpti_ActivityMemset4*>(record);
      to.add("set", set->start, set->end, 0);
    }
  }
  std::free(buffer);
}

void write_file() {
  cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
  const char* path = std::getenv("GPU_TRACE");
  std::FILE* file = path ? std::fopen(path, "w") : nullptr;
  if (!file) {
    std::fprintf(stderr, "gpu-trace: expected a file that can be written in GPU_TRACE, found %s\n",
                 path ? path : "none");
    return;
  }
  const std::lock_guard lock(trace().mutex);
  for (const auto& [name, number] : trace().numbers) std::fprintf(file, "name %zu %s\n", number, name.c_str());
  for (const Run& run : trace().runs)
    std::fprintf(file, "%zu %llu %llu %lld\n", run.name, static_cast<unsigned long long>(run.begin),
                 static_cast<unsigned long long>(run.end), static_cast<long long>(run.blocks));
  std::fclose(file);
}

}  // namespace

extern "C" int InitializeInjection() {
  cuptiActivityRegisterCallbacks(on_request, on_complete);
  for (const CUpti_ActivityKind kind :
       {CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, CUPTI_ACTIVITY_KIND_MEMCPY, CUPTI_ACTIVITY_KIND_MEMSET}) {
    const CUptiResult result = cuptiActivityEnable(kind);
    const char* found = nullptr;
    if (result != CUPTI_SUCCESS && cuptiGetResultString(result, &found) == CUPTI_SUCCESS)
      std::fprintf(stderr, "gpu-trace: expected records of kind %d, found %s\n", static_cast<int>(kind), found);
  }
  std::atexit(write_file);
  return 1;
}
