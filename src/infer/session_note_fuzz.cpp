// Any note of a state file is either refused with saker::Error or is one that a session could have written.
#include <cstddef>
#include <cstdint>

#include "core/error.h"
#include "infer/session_note.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace saker;
  constexpr int64_t kVocabulary = 8, kSeen = 1000;
  try {
    const SessionNote note =
        read_session_note({reinterpret_cast<const char*>(data), size}, kVocabulary, kSeen, "a file");
    int64_t generated = 0;
    for (const TokenHistory::Entry& entry : note.sequence.history.entries()) generated += entry.generated;
    SAKER_ASSERT(generated >= 0 && generated <= note.sequence.tokens);
    const SessionNote again = read_session_note(write_session_note(note), kVocabulary, kSeen, "a file");
    SAKER_ASSERT(again.sequence.waiting == note.sequence.waiting && again.rest == note.rest);
    SAKER_ASSERT(again.sequence.history.entries().size() == note.sequence.history.entries().size());
  } catch (const Error&) {
  }
  return 0;
}
