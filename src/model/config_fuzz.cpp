// Any text is either refused with saker::Error or is a configuration whose sizes can be computed and that survives
// being written. The same text is tried as generation_config.json.
#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "model/generation_config.h"

namespace {

template <class Action>
void refused_or_done(const Action& action) {
  try {
    action();
  } catch (const saker::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  refused_or_done([&] {
    const saker::ModelConfig config = saker::parse_config(text, "fuzz");
    SAKER_ASSERT(config.parameters() > 0 && config.state_bytes() > 0);
    saker::ModelConfig again = saker::parse_config(saker::write_config(config), "fuzz");
    again.mixer_rms_eps = config.mixer_rms_eps;  // plain Mamba-1 has none to write
    SAKER_ASSERT(again == config);
  });
  refused_or_done([&] { saker::parse_generation_config(text, {}, "fuzz"); });
  return 0;
}
