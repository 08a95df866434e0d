#include "api/chat_note.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/json.h"
#include "io/json_fields.h"

namespace saker {

namespace {

using nlohmann::json;

constexpr std::string_view kComponent = "chat";

// Questions and answers in turn, perhaps after a system text.
bool is_role(std::string_view role, size_t place, bool has_system) {
  if (has_system && place == 0) return role == "system";
  return role == ((place - has_system) % 2 == 0 ? "user" : "assistant");
}

[[noreturn]] void no_chat(std::string_view from) {
  fail(ErrorCode::corrupt_data, "[chat] {}: expected a saved chat, found another state", from);
}

}  // namespace

std::string write_chat_note(const ChatNote& note) {
  json messages = json::array();
  for (const ChatMessage& message : note.messages)
    messages.push_back({{"role", message.role}, {"content", message.content}});
  return json{{"messages", messages}, {"text", note.text}}.dump();
}

ChatNote read_chat_note(std::string_view text, std::string_view from) {
  if (text.empty()) no_chat(from);
  const json document = parse_json(text, kComponent, from);
  if (!document.is_object() || !document.contains("messages") || !document["messages"].is_array()) no_chat(from);
  ChatNote note{{}, JsonFields(document, kComponent, from).text("text", "")};
  for (const json& message : document["messages"]) {
    const JsonFields fields(message, kComponent, from);
    note.messages.push_back({fields.text("role", ""), fields.text("content", "")});
  }
  const bool has_system = !note.messages.empty() && note.messages.front().role == "system";
  for (size_t i = 0; i < note.messages.size(); ++i)
    SAKER_CHECK(is_role(note.messages[i].role, i, has_system), ErrorCode::corrupt_data,
                "[chat] {}: expected questions and answers in turn, found the role {}", from,
                saker::quoted(note.messages[i].role));
  SAKER_CHECK((note.messages.size() - has_system) % 2 == 0, ErrorCode::corrupt_data,
              "[chat] {}: expected an answer to every question, found none to the last", from);
  return note;
}

}  // namespace saker
