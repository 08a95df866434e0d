// What the note of a state file holds when a session wrote it: docs/formats/state.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "infer/session.h"

namespace saker {

struct SessionNote {
  SequenceState sequence;
  std::vector<float> logits;  // [v]; empty unless they are needed to go on
  std::string rest;           // the caller's note
};

std::string write_session_note(const SessionNote& note);

// `seen` tokens are in the state that the note belongs to. Throws corrupt_data for anything that write_session_note
// does not write; `from` names the file.
SessionNote read_session_note(std::string_view bytes, int64_t vocab_size, int64_t seen, std::string_view from);

}  // namespace saker
