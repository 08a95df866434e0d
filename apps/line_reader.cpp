#include "apps/line_reader.h"

#include <histedit.h>
#include <langinfo.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "io/file_handle.h"

namespace saker::apps {

namespace {

class PipeReader final : public LineReader {
 public:
  bool is_terminal() const noexcept override { return false; }

  Event read(const char*, std::string& line) override {
    line.clear();
    size_t end;
    while ((end = waiting_.find('\n', searched_)) == std::string::npos) {
      searched_ = waiting_.size();
      if (!fill()) {
        line = std::exchange(waiting_, {});
        searched_ = 0;
        return line.empty() ? Event::end : Event::line;
      }
    }
    line = waiting_.substr(0, end);
    waiting_.erase(0, end + 1);
    searched_ = 0;
    if (line.ends_with('\r')) line.pop_back();
    return Event::line;
  }

 private:
  // False at the end.
  bool fill() {
    char piece[1 << 12];
    const ssize_t got = ::read(STDIN_FILENO, piece, sizeof piece);
    SAKER_CHECK(got >= 0 || errno != EINTR, ErrorCode::cancelled, "interrupted");
    SAKER_CHECK(got >= 0, ErrorCode::io, "[input] standard input cannot be read: {}", system_error_text(errno));
    waiting_.append(piece, static_cast<size_t>(got));
    return got > 0;
  }

  std::string waiting_;
  size_t searched_ = 0;  // bytes of waiting_ without a line end
};

// While one exists, no SIGINT comes to this thread: it would break the calls that set the terminal's mode.
class NoInterrupts {
 public:
  NoInterrupts() {
    sigset_t blocked;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  NoInterrupts(const NoInterrupts&) = delete;
  ~NoInterrupts() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

// libedit. Ctrl-C is a key of the editor, not a signal, while a line is edited (and so Ctrl-Z is none either).
class TerminalReader final : public LineReader {
 public:
  TerminalReader() : editor_(start_editor()), history_(::history_init()) {
    SAKER_CHECK(editor_ && history_, ErrorCode::io, "[input] the line editor cannot start on this terminal");
    HistEvent event;
    ::history(history_, &event, H_SETSIZE, kHistoryLines);
    ::history(history_, &event, H_SETUNIQUE, 1);
    ::el_set(editor_, EL_CLIENTDATA, this);
    ::el_set(editor_, EL_EDITOR, "emacs");
    ::el_set(editor_, EL_PROMPT, prompt_of);
    ::el_set(editor_, EL_HIST, ::history, history_);
    ::el_set(editor_, EL_SETTY, "-d", "-isig", nullptr);
    ::el_set(editor_, EL_SETTY, "-x", "+noflsh", nullptr);  // Ctrl-C elsewhere loses nothing that was written
    ::el_set(editor_, EL_ADDFN, "saker-cancel", "forget the line", cancel_line);
    ::el_set(editor_, EL_BIND, "^C", "saker-cancel", nullptr);
    ::el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  }
  TerminalReader(const TerminalReader&) = delete;
  ~TerminalReader() override {
    ::el_end(editor_);
    ::history_end(history_);
  }

  bool is_terminal() const noexcept override { return true; }

  Event read(const char* prompt, std::string& line) override {
    const NoInterrupts quiet;
    prompt_ = prompt;
    cancelled_ = false;
    int size = 0;
    // Before the prompt is shown: libedit takes the terminal from the system behind it, and a Ctrl-C in between would
    // be a signal to which nothing here listens.
    ::el_set(editor_, EL_PREP_TERM, 1);
    const char* typed = ::el_gets(editor_, &size);
    if (cancelled_) return Event::cancelled;
    if (!typed || size <= 0) {
      std::fputc('\n', stderr);
      return Event::end;
    }
    line.assign(typed, static_cast<size_t>(size));
    HistEvent event;
    if (line.find_first_not_of(" \n") != std::string::npos) ::history(history_, &event, H_ENTER, line.c_str());
    if (line.ends_with('\n')) line.pop_back();
    return Event::line;
  }

 private:
  static constexpr int kHistoryLines = 1000;

  static EditLine* start_editor() {
    // The editor takes bytes together to characters as the locale says.
    std::setlocale(LC_CTYPE, "");
    if (std::string_view(::nl_langinfo(CODESET)) != "UTF-8") std::setlocale(LC_CTYPE, "C.UTF-8");
    return ::el_init("saker", stdin, stderr, stderr);
  }

  static TerminalReader& of(EditLine* editor) {
    void* self = nullptr;
    ::el_get(editor, EL_CLIENTDATA, &self);
    return *static_cast<TerminalReader*>(self);
  }

  static char* prompt_of(EditLine* editor) { return of(editor).prompt_.data(); }

  static unsigned char cancel_line(EditLine* editor, int) {
    of(editor).cancelled_ = true;
    std::fputs("^C\n", stderr);
    return CC_NEWLINE;
  }

  EditLine* editor_;
  History* history_;
  std::string prompt_;
  bool cancelled_ = false;
};

}  // namespace

std::unique_ptr<LineReader> open_line_reader() {
  if (::isatty(STDIN_FILENO) && ::isatty(STDERR_FILENO)) return std::make_unique<TerminalReader>();
  return std::make_unique<PipeReader>();
}

}  // namespace saker::apps
