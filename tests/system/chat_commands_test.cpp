// saker chat, and the templates of saker tokenize, as a user runs them.
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "system/program.h"

namespace saker {
namespace {

using nlohmann::json;

// A random model over bytes that answers with one letter for ever, and ends texts with token 7.
class ChatCommands : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    folder_->write("config.json", R"({"model_type": "falcon_mamba", "vocab_size": 280, "hidden_size": 32,
        "num_hidden_layers": 2, "eos_token_id": 7})");
    ASSERT_EQ(run_saker({"init", "--config", path("config.json"), "--out", path("model")}).code, 0);
    folder_->write(
        "model/chat_template.jinja",
        "{% for m in messages %}{% if m.role == 'alien' %}{{ raise_exception('no') }}"
        "{% endif %}[{{ m.role }}]{{ m.content }}|{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}");
    bias_ = "--logit-bias=" +
            json::parse(run_saker({"tokenize", "--model", path("model"), "--json", "a"}).out)["ids"][0].dump() +
            ":1000";
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string path(const std::string& name) { return (folder_->path() / name).string(); }

  static Outcome chat(const std::string& input, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"chat", "--model", path("model"), "--threads", "1", "-n", "3", bias_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_saker(arguments, input);
  }

  static TemporaryFolder* folder_;
  static std::string bias_;
};

TemporaryFolder* ChatCommands::folder_ = nullptr;
std::string ChatCommands::bias_;

TEST_F(ChatCommands, AnswersLinesOfAPipe) {
  const Outcome outcome = chat("Hi\n\nTwo \\\nlines\n\"\"\"\n/not a command\n\"\"\"\n /nor this\r\nlast");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "aaa\naaa\naaa\naaa\naaa\n");
  EXPECT_EQ(outcome.err.find('\x1b'), std::string::npos);
  EXPECT_NE(outcome.err.find("-n sets how many"), std::string::npos) << outcome.err;
  EXPECT_EQ(chat("").out, "");
}

TEST_F(ChatCommands, Commands) {
  const std::string file = path("talk");
  Outcome outcome =
      chat("/system S\nOne\n/fork b\nTwo\n/fork\n/fork main\n/fork\n/rewind\n/save " + file + "\n/quit\nnever\n");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "aaa\naaa\n");
  EXPECT_NE(outcome.err.find("* b (2 questions)\n  main (1 questions)\n  b (2 questions)\n* main (1 questions)\n"),
            std::string::npos)
      << outcome.err;
  outcome = chat("/help\nmore\n/reset\n/load " + file + "\n", {"--load", file});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  for (const char* word : {"/save", "/load", "/fork", "/rewind", "/reset", "/system", "/help", "/quit"})
    EXPECT_NE(outcome.err.find(word), std::string::npos) << word;
}

TEST_F(ChatCommands, SavedConversationsGoOnBitForBit) {
  const auto with = [&](const std::string& input, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"chat", "--model", path("model"), "--threads", "1",
                                       "-n",   "8",       "--seed",      "3",         "--ignore-eos"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_saker(arguments, input);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.out;
  };
  const std::string file = path("saved"), whole = with("One\nTwo\n", {});
  const std::string first = with("One\n/save " + file + "\n", {});
  EXPECT_EQ(first + with("Two\n", {"--load", file}), whole);
  EXPECT_EQ(first + with("/load " + file + "\nTwo\n", {}), whole);
}

TEST_F(ChatCommands, SaysWhatIsWrong) {
  const auto expect_failure = [&](const std::string& input, const std::string& words,
                                  const std::vector<std::string>& more = {}, int code = 1) {
    const Outcome outcome = chat(input, more);
    EXPECT_EQ(outcome.code, code) << input << outcome.err;
    EXPECT_NE(outcome.err.find(words), std::string::npos) << input << outcome.err;
  };
  expect_failure("/sav x\n", "unknown command \"/sav\" (did you mean \"/save\"?)");
  expect_failure("/rewind 2\n", "[chat] expected a question to forget, found none");
  expect_failure("/rewind x\n", "/rewind N");
  expect_failure("/save\n", "no file");
  expect_failure("/load " + path("config.json") + "\n", "state");
  expect_failure("Hi\n", "none", {"--load", path("none")});
  expect_failure("a\xff\n", "UTF-8");
  expect_failure("", "--max-tokens", {"-n", "-2"}, 2);
  expect_failure("", "temperature", {"--temperature", "-2"}, 2);
  std::string forks;
  for (int i = 0; i < 20; ++i) forks += "/fork f" + std::to_string(i) + "\n";
  expect_failure(forks, "at most 16 forks");
}

TEST_F(ChatCommands, TokenizeShowsWhatATemplateWrites) {
  const std::string file = folder_->write("messages.json", R"([{"role": "user", "content": "Hi"}])").string();
  const auto tokenize = [&](std::vector<std::string> more, const std::string& input = "") {
    more.insert(more.begin(), {"tokenize", "--model", path("model")});
    return run_saker(more, input);
  };
  EXPECT_EQ(tokenize({"--chat", file, "--text"}).out, "[user]Hi|\n");
  EXPECT_EQ(tokenize({"--chat", file, "--text", "--generation-prompt"}).out, "[user]Hi|[assistant]\n");
  EXPECT_EQ(tokenize({"--chat", file}).out, tokenize({"--no-special", "[user]Hi|"}).out);
  EXPECT_EQ(json::parse(tokenize({"--chat", "-", "--text", "--json"}, R"({"messages": []})").out)["text"], "");
  const auto fails = [&](const Outcome& outcome, int code, const std::string& words) {
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_NE(outcome.err.find(words), std::string::npos) << outcome.err;
  };
  fails(tokenize({"--chat", "-"}, "[{\"role\": \"alien\"}]"), 1, "line 1: the template refuses: \"no\"");
  fails(tokenize({"--chat", "-"}, "7"), 1, "standard input: expected an array of messages");
  fails(tokenize({"--chat", path("none")}), 1, "none");
  fails(tokenize({"--chat", file, "x"}), 2, "excludes");
  fails(tokenize({"--text", "x"}), 2, "--chat");
  fails(run_saker({"tokenize", "--tokenizer", path("model/tokenizer.json"), "--chat", file}), 2, "--model");
}

// The program on a terminal.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& arguments) {
    child_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
    if (child_ != 0) return;
    std::vector<char*> words;
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    ::setenv("TERM", "xterm", 1);
    ::execv(SAKER_BINARY_DIR "/saker", words.data());
    ::_exit(99);
  }
  Terminal(const Terminal&) = delete;
  ~Terminal() {
    if (child_ > 0) ::kill(child_, SIGKILL);
    if (child_ > 0) ::waitpid(child_, nullptr, 0);
    ::close(terminal_);
  }

  void type(const std::string& text) const {
    ASSERT_EQ(::write(terminal_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  // Reads until `text` has come; false if it does not within half a minute.
  bool shows(const std::string& text) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (true) {
      if (const size_t at = shown_.find(text); at != std::string::npos) {
        shown_.erase(0, at + text.size());
        return true;
      }
      pollfd ready{terminal_, POLLIN, 0};
      if (std::chrono::steady_clock::now() > end || ::poll(&ready, 1, 1000) < 0) return false;
      char buffer[4096];
      if (!(ready.revents & (POLLIN | POLLHUP))) continue;
      const ssize_t got = ::read(terminal_, buffer, sizeof buffer);
      if (got <= 0) return false;
      shown_.append(buffer, static_cast<size_t>(got));
    }
  }

  int exit_code() {
    shows("nothing more");  // until it hangs up
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  const std::string& shown() const noexcept { return shown_; }

 private:
  int terminal_ = -1;
  pid_t child_ = -1;
  std::string shown_;
};

TEST_F(ChatCommands, CtrlCStopsTheAnswerAndNotTheProgram) {
  Terminal terminal({"saker", "chat", "--model", path("model"), "--threads", "1", "-n", "-1", "--ignore-eos", bias_});
  ASSERT_TRUE(terminal.shows("> ")) << terminal.shown();
  for (int i = 0; i < 2; ++i) {
    terminal.type("Hi\n");
    ASSERT_TRUE(terminal.shows("aaaaaaaaaa")) << terminal.shown();
    terminal.type("\x03\x03");
    ASSERT_TRUE(terminal.shows("interrupted; so much is kept")) << terminal.shown();
    ASSERT_TRUE(terminal.shows("> ")) << terminal.shown();
  }
  terminal.type("half a line\x03");
  ASSERT_TRUE(terminal.shows("^C")) << terminal.shown();
  ASSERT_TRUE(terminal.shows("> ")) << terminal.shown();
  terminal.type("/fork\n");
  ASSERT_TRUE(terminal.shows("* main (2 questions)")) << terminal.shown();
  terminal.type("/nope\n");
  ASSERT_TRUE(terminal.shows("unknown command")) << terminal.shown();
  ASSERT_TRUE(terminal.shows("> ")) << terminal.shown();
  terminal.type("\x04");
  EXPECT_EQ(terminal.exit_code(), 0);
}

}  // namespace
}  // namespace saker
