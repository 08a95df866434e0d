// Messages to the text that a model was trained to answer: the Jinja templates that are published with models.
//
//   const auto chat = saker::ChatTemplate::of_folder("model", tokenizer);
//   const std::string prompt = chat.render({{"user", "Hello"}}, /*add_generation_prompt=*/true);
//   const auto ids = tokenizer.encode(prompt, /*add_special_tokens=*/false);   // the template wrote them
//
// What of Jinja is supported, and how a template that nobody checked is kept in bounds: docs/chat-templates.md.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "saker/chat_message.h"
#include "tokenizer/tokenizer.h"

namespace saker {

// Immutable; may be used by any number of threads at once.
class ChatTemplate {
 public:
  // By the name that templates know: "bos_token", "eos_token", ...
  using SpecialTokens = std::map<std::string, std::string>;

  // chat_template.jinja of a model folder, else the template of its tokenizer_config.json, else ChatML. Throws
  // corrupt_data or unsupported for files that cannot be used.
  static ChatTemplate of_folder(const std::filesystem::path& folder, const Tokenizer& tokenizer);
  // Throws corrupt_data, or unsupported for tags, filters and tests that we do not have; both name the line.
  static ChatTemplate parse(std::string_view source, SpecialTokens tokens = {});
  // For models without a template: <|im_start|>role, a new line, the content, <|im_end|> and a new line.
  static ChatTemplate chatml(const Tokenizer& tokenizer);

  // No template came with the model: this is ChatML.
  bool is_fallback() const noexcept { return is_fallback_; }

  // Texts that end an answer where the model does not say so by a token that it knows for that.
  const std::vector<std::string>& answer_ends() const noexcept;

  // The text of the conversation; with `add_generation_prompt`, up to where the assistant's answer begins.
  // Throws invalid_argument if the template refuses the messages or fails, unsupported if it exceeds its limits.
  std::string render(const std::vector<ChatMessage>& messages, bool add_generation_prompt) const;

  // The same for JSON as chat APIs take it: an array of messages of any form, or an object with "messages" and whatever
  // else the template knows ("tools", "documents", ...). Throws corrupt_data, naming `from`, for something else.
  std::string render_json(std::string_view json, bool add_generation_prompt, std::string_view from) const;

 private:
  struct Parts;
  explicit ChatTemplate(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<const Parts> parts_;
  bool is_fallback_ = false;
};

}  // namespace saker
