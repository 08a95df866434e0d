// Falcon Mamba for programs: load a model folder, hold conversations with it.
//
//   const auto model = saker::LanguageModel::load("falcon-mamba-7b");
//   saker::Conversation talk(model);
//   talk.append("Once upon a time");
//   talk.generate({.max_tokens = 100}, [](std::string_view text) { std::cout << text << std::flush; return true; });
//
// Every function throws saker::Error (saker/error.h) for what is wrong with its arguments or with files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "saker/api.h"
#include "saker/chat_message.h"
#include "saker/error.h"

namespace saker {

struct LoadOptions {
  std::string dtype;            // weights as held and multiplied: f32, bf16, f16; empty: as stored
  int threads = 0;              // 0: one per core
  std::string device = "auto";  // auto (a GPU if there is one), cpu, cuda or cuda:N
};

// A checkpoint and its tokenizer, as a Hugging Face folder holds them. Immutable; copies share it; safe to use from
// several threads.
class SAKER_API LanguageModel {
 public:
  // Throws not_found, corrupt_data or unsupported, naming the file.
  static LanguageModel load(const std::string& folder, const LoadOptions& options = {});

  // Ids of a text with what the tokenizer puts around it, and the text of ids.
  std::vector<int32_t> encode(std::string_view text) const;
  std::string decode(std::span<const int32_t> ids) const;
  // Ids of a talk as the model's chat template writes it (docs/chat-templates.md), up to where the assistant answers.
  // The template is read from the folder now. Throws, too, if it cannot be used or refuses the messages.
  std::vector<int32_t> encode_chat(const std::vector<ChatMessage>& messages) const;

  int64_t vocab_size() const noexcept;
  int64_t parameters() const noexcept;
  // Bytes of the state of one conversation, whatever its length.
  int64_t state_bytes() const noexcept;

 private:
  friend class Conversation;
  struct Parts;
  explicit LanguageModel(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<const Parts> parts_;
};

// As in `saker generate`; the defaults leave the model's own distribution.
struct GenerationSettings {
  int64_t max_tokens = 256;  // -1: until the model ends its text
  double temperature = 1.0;  // 0: always the most likely token
  int64_t top_k = 0;         // 0: off
  double top_p = 1.0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
  uint64_t seed = 0;
  std::vector<std::string> stop;  // texts that end the answer; they are not part of it
  bool ignore_end_of_text = false;
};

// One sequence: what was said so far is a state of fixed size. Used by one thread at a time; move-only, fork() copies.
class SAKER_API Conversation {
 public:
  // Keeps the model alive.
  explicit Conversation(const LanguageModel& model);
  Conversation(Conversation&&) noexcept;
  Conversation& operator=(Conversation&&) noexcept;
  ~Conversation();

  // Feeds text of any length; memory does not grow with it.
  void append(std::string_view text);
  void append(std::span<const int32_t> ids);

  // Continues, and returns the text. `on_text` sees it in pieces of whole characters as it is generated; returning
  // false ends it there. Throws invalid_argument if nothing was appended yet or a setting is out of its range.
  std::string generate(const GenerationSettings& settings, const std::function<bool(std::string_view)>& on_text = {});

  int64_t tokens() const noexcept;

  // An equal conversation that goes its own way.
  Conversation fork() const;

  // A file from which load() continues bit for bit.
  void save(const std::string& path) const;
  static Conversation load(const std::string& path, const LanguageModel& model);

 private:
  struct Parts;
  explicit Conversation(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace saker
