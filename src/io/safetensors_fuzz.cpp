// Any bytes are either refused with saker::Error or describe arrays that lie within them.
#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "io/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  try {
    const saker::SafetensorsHeader header = saker::parse_safetensors(file, "fuzz");
    SAKER_ASSERT(header.data_offset <= size);
    for (const saker::SafetensorsEntry& entry : header.entries)
      SAKER_ASSERT(entry.begin <= entry.end && entry.end <= size - header.data_offset);
  } catch (const saker::Error&) {
  }
  return 0;
}
