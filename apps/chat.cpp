// saker chat: a conversation.

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/chat.h"
#include "apps/chat_input.h"
#include "apps/commands.h"
#include "apps/interrupt.h"
#include "apps/line_reader.h"
#include "apps/model_options.h"
#include "apps/option_checks.h"
#include "apps/progress.h"
#include "apps/sampling_options.h"
#include "apps/standard_output.h"
#include "core/nearest_word.h"

namespace saker::apps {

namespace {

struct ChatOptions {
  ModelOptions model;
  SamplingOptions sampling;
  int64_t max_tokens = 1024;
  std::string system, load;
};

constexpr const char* kHelp =
    "A line is a question. A backslash at its end goes on in the next line; lines between two lines of \"\"\" are one\n"
    "question. Ctrl-C stops an answer, Ctrl-D leaves.\n"
    "  /save FILE     keep the conversation in a file\n"
    "  /load FILE     go on with a kept one\n"
    "  /fork NAME     go on in a copy of that name, or in the one that has it\n"
    "  /fork          the names, the current one with a star\n"
    "  /rewind [N]    forget the last question and its answer, or the last N\n"
    "  /reset         forget all but the system text\n"
    "  /system TEXT   tell the model who it is; without a text: no longer\n"
    "  /help          this text\n"
    "  /quit          leave\n"
    "A space before the slash makes a question of it.\n";

const std::vector<std::string> kCommands{"/save", "/load", "/fork", "/rewind", "/reset", "/system", "/help", "/quit"};

constexpr size_t kMaxForks = 16;  // each holds a state

class ChatProgram {
 public:
  explicit ChatProgram(const ChatOptions& options)
      : model_(load_model(options.model)),
        tokenizer_(load_tokenizer(options.model)),
        template_(ChatTemplate::of_folder(options.model.folder, tokenizer_)),
        workspace_(model_),
        reader_(open_line_reader()),
        interrupt_(reader_->is_terminal() ? Interrupt::Second::ignored : Interrupt::Second::ends) {
    const GenerationConfig defaults = load_generation_config(options.model.folder, model_.config());
    settings_.sampling = sampling_params(options.sampling, defaults);
    settings_.limits = {options.max_tokens, stop_ids(options.sampling, defaults)};
    settings_.stop = options.sampling.stop;
    if (!options.sampling.ignore_eos)
      settings_.stop.insert(settings_.stop.end(), template_.answer_ends().begin(), template_.answer_ends().end());
    settings_.stopped = [this] { return interrupt_.requested(); };
    chats_.emplace(current_, Chat(model_, workspace_, tokenizer_, template_));
    if (!options.load.empty()) chat().load(options.load);
    if (!options.system.empty()) chat().set_system(options.system);
    if (options.model.verbose) note(fmt::format("seed {}", settings_.sampling.seed));
    if (template_.is_fallback()) note("the model has no chat template: ChatML is used");
  }

  void run() {
    if (reader_->is_terminal()) note("/help says what can be typed; Ctrl-D leaves");
    while (const std::optional<TypedMessage> message = read_message(*reader_)) {
      interrupt_.reset();
      const std::optional<ChatCommand> command = parse_chat_command(*message);
      if (command && command->name == "quit") return;
      try {
        if (command)
          run_command(*command);
        else
          answer(message->text);
      } catch (const Error& error) {
        // Whoever types can go on; a script cannot know.
        if (!reader_->is_terminal()) throw;
        note(error.what());
      }
      // In a pipe Ctrl-C means the program.
      if (interrupt_.requested() && !reader_->is_terminal()) fail(ErrorCode::cancelled, "interrupted");
    }
  }

 private:
  Chat& chat() { return chats_.at(current_); }

  static void note(std::string_view text) { fmt::print(stderr, "saker: {}\n", text); }

  void answer(const std::string& question) {
    Progress progress("prompt", "tokens", 0);
    settings_.on_prompt = [&](int64_t done, int64_t) { progress.update(done); };
    bool at_line_start = true;
    settings_.on_text = [&](std::string_view text) {
      if (at_line_start) progress.clear();
      write_standard_output(text);
      at_line_start = false;
    };
    const ChatAnswer given = chat().ask(question, settings_);
    write_standard_output("\n");
    if (given.reason == FinishReason::cancelled)
      note(given.tokens == 0 ? "interrupted; the question is forgotten" : "interrupted; so much is kept");
    if (given.reason == FinishReason::length)
      note(fmt::format("the answer ends after {} tokens: -n sets how many there may be", given.tokens));
  }

  void run_command(const ChatCommand& command) {
    const std::string& name = command.name;
    if (name == "save")
      save(command.argument);
    else if (name == "load")
      load(command.argument);
    else if (name == "fork")
      fork(command.argument);
    else if (name == "rewind")
      rewind(command.argument);
    else if (name == "reset")
      chat().reset();
    else if (name == "system")
      chat().set_system(command.argument);
    else if (name == "help")
      fmt::print(stderr, "{}", kHelp);
    else
      fail(ErrorCode::invalid_argument, "unknown command {}{}; /help lists them", saker::quoted("/" + name),
           suggestion(kCommands, "/" + name));
  }

  static void need_file(const std::string& argument, const char* command) {
    SAKER_CHECK(!argument.empty(), ErrorCode::invalid_argument, "expected /{} FILE, found no file", command);
  }

  void save(const std::string& file) {
    need_file(file, "save");
    chat().save(file);
    note(fmt::format("saved in {}", file));
  }

  void load(const std::string& file) {
    need_file(file, "load");
    chat().load(file);
    note(fmt::format("{} questions and answers", chat().exchanges()));
  }

  void fork(const std::string& name) {
    if (name.empty()) {
      for (const auto& [each, chat] : chats_)
        fmt::print(stderr, "{} {} ({} questions)\n", each == current_ ? '*' : ' ', each, chat.exchanges());
      return;
    }
    if (!chats_.contains(name)) {
      SAKER_CHECK(chats_.size() < kMaxForks, ErrorCode::invalid_argument, "expected at most {} forks, found more",
                  kMaxForks);
      chats_.emplace(name, chat().fork());
    }
    current_ = name;
  }

  void rewind(const std::string& argument) {
    int64_t count = 1;
    const auto [end, error] = std::from_chars(argument.data(), argument.data() + argument.size(), count);
    SAKER_CHECK(argument.empty() || (error == std::errc() && end == argument.data() + argument.size()),
                ErrorCode::invalid_argument, "expected /rewind or /rewind N, found {}", saker::quoted(argument));
    chat().rewind(count);
  }

  FalconMamba model_;
  Tokenizer tokenizer_;
  ChatTemplate template_;
  Workspace workspace_;
  std::unique_ptr<LineReader> reader_;
  Interrupt interrupt_;  // once the model is loaded, which Ctrl-C may end
  AnswerSettings settings_;
  std::string current_ = "main";
  std::map<std::string, Chat> chats_;
};

}  // namespace

void add_chat(CLI::App& app) {
  auto options = std::make_shared<ChatOptions>();
  CLI::App* command = app.add_subcommand("chat", "talk with a model");
  add_model_options(*command, options->model);
  command->add_option("--system", options->system, "tells the model who it is, before the first question")
      ->type_name("TEXT");
  command->add_option("--load", options->load, "go on with a conversation that /save kept")
      ->type_name("FILE")
      ->check(not_empty());
  command->add_option("-n,--max-tokens", options->max_tokens, "tokens of an answer; -1: without end")
      ->check(whole_number(-1))
      ->capture_default_str();
  add_sampling_options(*command, options->sampling);
  command->footer(
      "Lines of stdin are questions and commands; /help lists those. Without a chat template in the model's folder\n"
      "the turns are written as ChatML.\n"
      "Example: saker chat --model DIR --system \"You answer briefly.\"");
  command->callback([options] { ChatProgram(*options).run(); });
}

}  // namespace saker::apps
