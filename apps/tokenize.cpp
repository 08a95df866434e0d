// saker tokenize: text to ids and back.

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/commands.h"
#include "apps/common_options.h"
#include "apps/option_checks.h"
#include "apps/standard_input.h"
#include "core/error.h"
#include "io/json.h"
#include "io/read_file.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace saker::apps {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

struct Options {
  std::string text, tokenizer, model, chat;
  bool has_text = false, decode = false, special = true, json = false, batch = false;
  bool chat_text = false, generation_prompt = false;
};

Tokenizer load(const Options& options) {
  if (!options.tokenizer.empty()) return Tokenizer::from_file(options.tokenizer);
  return Tokenizer::from_file(std::filesystem::path(options.model) / "tokenizer.json");
}

// Numbers with anything of " \t\r\n,[]" between them.
Ids parse_ids(std::string_view text) {
  Ids ids;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n,[]"), text.size()));
    if (text.empty()) return ids;
    const std::string_view word = text.substr(0, text.find_first_of(" \t\r\n,[]"));
    int32_t id = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    SAKER_CHECK(error == std::errc() && end == word.data() + word.size(), ErrorCode::invalid_argument,
                "[tokenize] expected token ids, found {}", saker::quoted(word));
    ids.push_back(id);
    text.remove_prefix(word.size());
  }
}

std::string decode(const Tokenizer& tokenizer, const Ids& ids, bool special) {
  for (const int32_t id : ids)
    SAKER_CHECK(tokenizer.id_to_token(id), ErrorCode::invalid_argument,
                "[tokenize] expected ids of this tokenizer ({} tokens), found {}", tokenizer.vocab_size(), id);
  return tokenizer.decode(ids, !special);
}

void print_text(const Options& options, const std::string& text) {
  fmt::print("{}\n", options.json ? json{{"text", text}}.dump() : text);
}

void print_ids(const Options& options, const Ids& ids) {
  fmt::print("{}\n", options.json ? json{{"ids", ids}}.dump() : fmt::format("{}", fmt::join(ids, " ")));
}

void run_one(const Options& options) {
  const Tokenizer tokenizer = load(options);
  const std::string input = options.has_text ? options.text : read_standard_input();
  if (options.decode)
    print_text(options, decode(tokenizer, parse_ids(input), options.special));
  else
    print_ids(options, tokenizer.encode(input, options.special));
}

// The messages of a file as the model's chat template writes them: text, or the ids that chat feeds.
void run_chat(const Options& options) {
  const Tokenizer tokenizer = load(options);
  const ChatTemplate chat = ChatTemplate::of_folder(options.model, tokenizer);
  const bool from_stdin = options.chat == "-";
  const std::string messages = from_stdin ? read_standard_input() : read_file(options.chat);
  const std::string text =
      chat.render_json(messages, options.generation_prompt, from_stdin ? "standard input" : options.chat);
  if (options.chat_text)
    print_text(options, text);
  else
    print_ids(options, tokenizer.encode(text, /*add_special_tokens=*/false));
}

[[noreturn]] void wrong_line(const char* expected) {
  fail(ErrorCode::corrupt_data, "[tokenize] a line of standard input: expected an object with {}", expected);
}

Ids ids_of_row(const json& row) {
  const auto found = row.is_object() ? row.find("ids") : row.end();
  if (found == row.end() || !found->is_array()) wrong_line("\"ids\", an array");
  Ids ids;
  for (const json& value : *found) {
    if (!value.is_number_integer() || value != value.get<int32_t>()) wrong_line("\"ids\", an array of ids");
    ids.push_back(value.get<int32_t>());
  }
  return ids;
}

std::string text_of_row(const json& row) {
  const auto found = row.is_object() ? row.find("text") : row.end();
  if (found == row.end() || !found->is_string()) wrong_line("\"text\", a string");
  return found->get<std::string>();
}

// Each line of standard input {"text": ...} or {"ids": [...]}, for each a line {"ids": [...]} or {"text": ...}.
void run_batch(const Options& options) {
  const Tokenizer tokenizer = load(options);
  for (std::string line; std::getline(std::cin, line);) {
    const json row = parse_json(line, "tokenize", "a line of standard input");
    const json answer = options.decode ? json{{"text", decode(tokenizer, ids_of_row(row), options.special)}}
                                       : json{{"ids", tokenizer.encode(text_of_row(row), options.special)}};
    fmt::print("{}\n", answer.dump());
  }
  SAKER_CHECK(!std::ferror(stdin), ErrorCode::io, "[input] standard input cannot be read");
}

}  // namespace

void add_tokenize(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("tokenize", "text to token ids and back");
  command->footer("Example: saker tokenize --tokenizer tokenizer.json \"Once upon a time\"");
  auto* text = command->add_option("text", options->text, "text, or ids with --decode; without it: standard input");
  auto* source = command->add_option_group("tokenizer");
  source->add_option("--tokenizer", options->tokenizer, "a tokenizer.json")->check(not_empty());
  source->add_option("--model", options->model, "a checkpoint folder with a tokenizer.json")->check(not_empty());
  source->require_option(1);
  command->add_flag("--decode", options->decode, "ids to text");
  command->add_flag(
      "--special,!--no-special", options->special,
      "special tokens: those that the model wants around a text, and those in decoded ids (default: with them)");
  command
      ->add_flag("--batch", options->batch,
                 "standard input in JSON Lines, {\"text\": ...} or {\"ids\": [...]}; a line of JSON for each")
      ->excludes(text);
  auto* chat =
      command->add_option("--chat", options->chat, "JSON messages, through the model's chat template; -: stdin");
  chat->type_name("FILE")->check(not_empty())->excludes(text)->needs("--model")->group("Chat");
  for (const char* other : {"--decode", "--batch"}) chat->excludes(other);
  command->add_flag("--text", options->chat_text, "with --chat: the text, instead of its ids")
      ->needs(chat)
      ->group("Chat");
  command->add_flag("--generation-prompt", options->generation_prompt, "with --chat: up to where the answer begins")
      ->needs(chat)
      ->group("Chat");
  add_json_option(*command, options->json);
  command->callback([options, text] {
    options->has_text = text->count() > 0;
    if (!options->chat.empty())
      run_chat(*options);
    else if (options->batch)
      run_batch(*options);
    else
      run_one(*options);
  });
}

}  // namespace saker::apps
