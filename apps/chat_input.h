// What a user says to saker chat: messages of one or several lines, and commands.
#pragma once

#include <optional>
#include <string>

#include "apps/line_reader.h"

namespace saker::apps {

struct TypedMessage {
  std::string text;
  bool quoted;  // stood between quotes: is no command, whatever it begins with
};

// The next message: a line; lines that end in a backslash, and the one after them; or what stands between two lines of
// three quotes. Nothing at the end of the input. Ctrl-C forgets what was begun.
std::optional<TypedMessage> read_message(LineReader& reader);

// "/save talk.state": a slash, a word, and the rest without white space around it.
struct ChatCommand {
  std::string name, argument;
};
// Nothing for a message that is no command: one that does not begin with a slash, has several lines, or was quoted.
std::optional<ChatCommand> parse_chat_command(const TypedMessage& message);

}  // namespace saker::apps
