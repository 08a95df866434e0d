// What the program runs on, and what it is.
#pragma once

#include <cstdint>
#include <string>

namespace saker::apps {

struct Machine {
  std::string processor;  // "AMD EPYC 9R14"
  int cores;              // that this process may use
  std::string isa;        // the instruction set that kernels use: "AVX3_ZEN4"
  int64_t memory_bytes;
};

Machine this_machine();

// The most memory that this process has held so far.
int64_t peak_memory_bytes();

// The source that this was built from, as `git describe` names it; "unknown" outside a clone.
std::string commit();

}  // namespace saker::apps
