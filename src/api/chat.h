// A conversation by a chat template, on a recurrent state: every turn feeds the model only what it has not seen.
//
// The template writes the whole conversation anew for each question. Where that text begins with the text that a kept
// state stands for, only the rest is fed. A template may also rewrite what was said before (many trim answers, some
// drop a model's thoughts): then the newest kept state that still agrees is gone on from, or the empty one, and the
// rest is read again. So an answer may end in any way, by the model, a stop string, a limit or the user: how a turn is
// closed is written by the template and read with the next question.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "infer/generation_limits.h"
#include "infer/session.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace saker {

// How to answer.
struct AnswerSettings {
  SamplingParams sampling;
  GenerationLimits limits;
  std::vector<std::string> stop;  // texts that end an answer and are no part of it
  // Asked between tokens, and between chunks of the prompt: whether to stop.
  std::function<bool()> stopped = [] { return false; };
  std::function<void(std::string_view)> on_text = [](std::string_view) {};            // whole characters
  std::function<void(int64_t done, int64_t of)> on_prompt = [](int64_t, int64_t) {};  // tokens
};

struct ChatAnswer {
  std::string text;
  FinishReason reason;
  int64_t prompt_tokens;  // that were fed for it
  int64_t tokens;         // that were drawn
};

class Chat {
 public:
  // States that are kept beside the newest, for rewind() and for templates that rewrite: each takes the memory of one.
  static constexpr size_t kKeptStates = 8;

  // All must outlive the chat. Chats that take turns may share a workspace.
  Chat(const FalconMamba& model, Workspace& workspace, const Tokenizer& tokenizer, const ChatTemplate& chat_template);

  // Asks, and keeps question and answer. Stopped while it reads the question, it keeps nothing (reason: cancelled, no
  // tokens drawn); stopped later, what was answered so far. After an exception everything is as before.
  ChatAnswer ask(std::string_view question, const AnswerSettings& settings);

  // With the system text, if there is one.
  const std::vector<ChatMessage>& messages() const noexcept { return messages_; }
  int64_t exchanges() const noexcept { return (static_cast<int64_t>(messages_.size()) - has_system()) / 2; }

  // The text before the first question; empty: none. What was said stays, and is read again.
  void set_system(std::string_view text);
  // Forgets the last `count` questions with their answers. Throws invalid_argument unless there are so many.
  void rewind(int64_t count);
  // Forgets all but the system text.
  void reset();

  // An equal chat that goes its own way, with the newest state alone.
  Chat fork() const;

  // One file from which load() goes on bit for bit: a session (docs/formats/state.md). Throws io.
  void save(const std::filesystem::path& path) const;
  // Replaces this chat by a saved one. Throws as Session::load does, and corrupt_data if no chat wrote the file; then
  // everything is as before.
  void load(const std::filesystem::path& path);

 private:
  // A state and what it stands for.
  struct Point {
    std::string text;
    size_t messages;
    Session session;
  };

  bool has_system() const noexcept { return !messages_.empty() && messages_.front().role == "system"; }
  // The newest point that `text` goes on from; null: none.
  const Point* point_before(std::string_view text) const;
  // The newest point, if it holds all that was said; null: there is none.
  const Point* newest() const;
  // Drops the points beyond the messages that there are.
  void drop_points();

  const FalconMamba* model_;
  Workspace* workspace_;
  const Tokenizer* tokenizer_;
  const ChatTemplate* template_;
  std::vector<ChatMessage> messages_;
  std::deque<Point> points_;  // oldest first
};

}  // namespace saker
