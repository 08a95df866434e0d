// What a saved chat holds beside its session: the note of the session, as JSON (docs/formats/state.md).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "saker/chat_message.h"

namespace saker {

struct ChatNote {
  std::vector<ChatMessage> messages;
  std::string text;  // that the state stands for
};

std::string write_chat_note(const ChatNote& note);
// Throws corrupt_data for anything that write_chat_note does not write; `from` names the file.
ChatNote read_chat_note(std::string_view json, std::string_view from);

}  // namespace saker
