#include "tokenizer/chat_template.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "io/json.h"
#include "io/read_file.h"
#include "tokenizer/jinja/evaluator.h"
#include "tokenizer/jinja/json_reader.h"
#include "tokenizer/jinja/parser.h"
#include "tokenizer/utf8.h"

namespace saker {

namespace {

using jinja::Value;
using jinja::Variables;
using nlohmann::json;

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 26;
constexpr std::string_view kConfigFile = "tokenizer_config.json";

constexpr std::string_view kChatMlEnd = "<|im_end|>";
constexpr std::string_view kChatMl =
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

template <class... Args>
[[noreturn]] void wrong_config(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorCode::corrupt_data, "[chat template] {}: {}", kConfigFile,
       fmt::format(format, std::forward<Args>(args)...));
}

// The text of a special token: a string, or an added token with its flags. Null: there is none.
const json* token_text(const json& value) {
  const json& text = value.is_object() && value.contains("content") ? value["content"] : value;
  return text.is_string() ? &text : nullptr;
}

ChatTemplate::SpecialTokens special_tokens(const json& config) {
  ChatTemplate::SpecialTokens tokens;
  for (const char* name :
       {"bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token"}) {
    const auto found = config.find(name);
    if (found == config.end() || found->is_null()) continue;
    const json* text = token_text(*found);
    if (!text) wrong_config("\"{}\": expected a string or an object with \"content\"", name);
    tokens[name] = text->get<std::string>();
  }
  return tokens;
}

// Of several by name, "default". Null: there is none.
const json* source_of(const json& config) {
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) return nullptr;
  if (found->is_string()) return &*found;
  if (!found->is_array()) wrong_config("\"chat_template\": expected a string or an array, found {}", json_kind(*found));
  for (const json& named : *found)
    if (named.is_object() && named.contains("name") && named["name"] == "default" && named.contains("template") &&
        named["template"].is_string())
      return &named["template"];
  wrong_config("\"chat_template\": expected a template with the name \"default\", found none");
}

json config_of(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kConfigFile;
  if (!std::filesystem::exists(file)) return json::object();
  json config = parse_json(read_file(file, kMaxFileBytes), "chat template", kConfigFile);
  if (!config.is_object()) wrong_config("expected an object, found {}", json_kind(config));
  return config;
}

Value value_of(const ChatMessage& message) {
  for (const std::string& text : {message.role, message.content})
    SAKER_CHECK(utf8::find_invalid(text) == std::string::npos, ErrorCode::invalid_argument,
                "[chat template] expected messages in UTF-8, found other bytes in {}", saker::quoted(text));
  jinja::Dict dict;
  dict.insert("role", message.role);
  dict.insert("content", message.content);
  return std::make_shared<const jinja::Dict>(std::move(dict));
}

Variables variables_of_json(std::string_view text, std::string_view from) {
  const Value value = jinja::read_json(text, from);
  Variables variables;
  if (value.list()) variables["messages"] = value;
  if (const jinja::Dict* dict = value.dict())
    for (const auto& [name, member] : dict->items) variables[*name.text()] = member;
  SAKER_CHECK(variables.contains("messages") && variables["messages"].list(), ErrorCode::corrupt_data,
              "[chat template] {}: expected an array of messages, or an object with \"messages\", an array", from);
  return variables;
}

}  // namespace

struct ChatTemplate::Parts {
  jinja::Block block;
  SpecialTokens tokens;
  std::vector<std::string> answer_ends;

  // What `variables` does not set is what HF transformers sets.
  std::string render(Variables variables, bool add_generation_prompt) const {
    variables.try_emplace("add_generation_prompt", add_generation_prompt);
    variables.try_emplace("tools", jinja::None{});
    variables.try_emplace("documents", jinja::None{});
    for (const auto& [name, text] : tokens) variables.try_emplace(name, text);
    return jinja::render(block, variables, {});
  }
};

ChatTemplate ChatTemplate::parse(std::string_view source, SpecialTokens tokens) {
  std::vector<std::string> ends;
  if (source.find(kChatMlEnd) != std::string_view::npos) ends.emplace_back(kChatMlEnd);
  if (const auto eos = tokens.find("eos_token"); eos != tokens.end() && !eos->second.empty())
    ends.push_back(eos->second);
  return ChatTemplate(std::make_shared<const Parts>(Parts{jinja::parse(source), std::move(tokens), std::move(ends)}));
}

const std::vector<std::string>& ChatTemplate::answer_ends() const noexcept {
  return parts_->answer_ends;
}

ChatTemplate ChatTemplate::chatml(const Tokenizer& tokenizer) {
  // The instruct model of 2024 saw its begin-of-text token before the first turn.
  const std::string bos = "<|begin_of_text|>";
  SpecialTokens tokens;
  if (tokenizer.token_to_id(bos) && tokenizer.token_to_id("<|im_start|>")) tokens["bos_token"] = bos;
  ChatTemplate made = parse(kChatMl, std::move(tokens));
  made.is_fallback_ = true;
  return made;
}

ChatTemplate ChatTemplate::of_folder(const std::filesystem::path& folder, const Tokenizer& tokenizer) {
  const json config = config_of(folder);
  const std::filesystem::path file = folder / "chat_template.jinja";
  if (std::filesystem::exists(file)) return parse(read_file(file, kMaxFileBytes), special_tokens(config));
  const json* source = source_of(config);
  return source ? parse(source->get_ref<const std::string&>(), special_tokens(config)) : chatml(tokenizer);
}

std::string ChatTemplate::render(const std::vector<ChatMessage>& messages, bool add_generation_prompt) const {
  std::vector<Value> values;
  for (const ChatMessage& message : messages) values.push_back(value_of(message));
  Variables variables;
  variables["messages"] = std::make_shared<const jinja::List>(std::move(values), jinja::ListKind::list);
  return parts_->render(std::move(variables), add_generation_prompt);
}

std::string ChatTemplate::render_json(std::string_view json, bool add_generation_prompt, std::string_view from) const {
  return parts_->render(variables_of_json(json, from), add_generation_prompt);
}

}  // namespace saker
