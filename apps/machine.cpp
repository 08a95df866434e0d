#include "apps/machine.h"

#include <hwy/targets.h>
#include <sched.h>
#include <unistd.h>

#include <fstream>

namespace saker::apps {

namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

int usable_cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

}  // namespace

Machine this_machine() {
  return {.processor = processor_name(),
          .cores = usable_cores(),
          .isa = hwy::TargetName(hwy::SupportedAndGeneratedTargets().front()),
          .memory_bytes = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE)};
}

// Not getrusage's, which goes back to before this program was started: to the process that it was forked from.
int64_t peak_memory_bytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  return 0;
}

std::string commit() {
  return SAKER_COMMIT;
}

}  // namespace saker::apps
