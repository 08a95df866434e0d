#include "apps/chat_input.h"

#include <algorithm>

namespace saker::apps {

namespace {

constexpr const char* kPrompt = "> ";
constexpr const char* kMorePrompt = ". ";
constexpr std::string_view kQuotes = "\"\"\"";

using Event = LineReader::Event;

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Lines up to one of quotes alone, or to the end of the input.
Event read_quoted(LineReader& reader, std::string& message) {
  message.clear();
  std::string line;
  for (bool first = true;; first = false) {
    const Event event = reader.read(kMorePrompt, line);
    if (event == Event::cancelled) return event;
    if (event == Event::end || trimmed(line) == kQuotes) return Event::line;
    if (!first) message += '\n';
    message += line;
  }
}

Event read_continued(LineReader& reader, std::string& message) {
  std::string line;
  while (message.ends_with('\\')) {
    message.back() = '\n';
    const Event event = reader.read(kMorePrompt, line);
    if (event == Event::cancelled) return event;
    if (event == Event::end) return Event::line;
    message += line;
  }
  return Event::line;
}

}  // namespace

std::optional<std::string> read_message(LineReader& reader) {
  while (true) {
    std::string message;
    Event event = reader.read(kPrompt, message);
    if (event == Event::end) return std::nullopt;
    if (event == Event::line)
      event = trimmed(message) == kQuotes ? read_quoted(reader, message) : read_continued(reader, message);
    if (event == Event::line && !trimmed(message).empty()) return message;
  }
}

std::optional<ChatCommand> parse_chat_command(std::string_view message) {
  if (!message.starts_with('/') || message.find('\n') != std::string_view::npos) return std::nullopt;
  const size_t end = std::min(message.find_first_of(" \t"), message.size());
  return ChatCommand{std::string(message.substr(1, end - 1)), std::string(trimmed(message.substr(end)))};
}

}  // namespace saker::apps
