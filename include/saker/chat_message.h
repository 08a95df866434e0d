// What one side of a conversation says.
#pragma once

#include <string>

namespace saker {

struct ChatMessage {
  std::string role;  // system, user, assistant
  std::string content;
  bool operator==(const ChatMessage&) const = default;
};

}  // namespace saker
