#include "apps/chat_input.h"

#include <algorithm>
#include <string_view>
#include <utility>

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

std::optional<TypedMessage> read_message(LineReader& reader) {
  while (true) {
    std::string text;
    Event event = reader.read(kPrompt, text);
    if (event == Event::end) return std::nullopt;
    const bool quoted = event == Event::line && trimmed(text) == kQuotes;
    if (event == Event::line) event = quoted ? read_quoted(reader, text) : read_continued(reader, text);
    if (event == Event::line && !trimmed(text).empty()) return TypedMessage{std::move(text), quoted};
  }
}

std::optional<ChatCommand> parse_chat_command(const TypedMessage& message) {
  const std::string_view text = message.text;
  if (message.quoted || !text.starts_with('/') || text.find('\n') != std::string_view::npos) return std::nullopt;
  const size_t end = std::min(text.find_first_of(" \t"), text.size());
  return ChatCommand{std::string(text.substr(1, end - 1)), std::string(trimmed(text.substr(end)))};
}

}  // namespace saker::apps
