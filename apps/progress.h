// A line on the terminal that says how far a long job is; nothing at all where stderr is no terminal.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

namespace saker::apps {

class Progress {
 public:
  // "prompt", "tokens"; `total` units of work, 0 if nobody knows.
  Progress(std::string what, std::string unit, int64_t total)
      : what_(std::move(what)), unit_(std::move(unit)), total_(total), terminal_(::isatty(STDERR_FILENO) == 1) {}
  Progress(const Progress&) = delete;
  ~Progress() { clear(); }

  // Takes the line away, before something else is shown there.
  void clear() {
    if (std::exchange(shown_, false)) std::fputs("\r\x1b[K", stderr);
  }

  void update(int64_t done) {
    const Clock::time_point now = Clock::now();
    if (!terminal_ || now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    if (seconds < 0.5) return;  // what is done at once needs no line
    shown_ = true;
    const double rate = static_cast<double>(done) / seconds;
    fmt::print(stderr, "\r\x1b[K{}: {}{} {}, {:.0f}/s{}", what_, done, total_ ? fmt::format(" of {}", total_) : "",
               unit_, rate, total_ ? time_left(static_cast<double>(total_ - done) / rate) : "");
  }

 private:
  using Clock = std::chrono::steady_clock;

  static std::string time_left(double seconds) {
    return seconds < 90.0 ? fmt::format(", {:.0f} s left", seconds) : fmt::format(", {:.0f} min left", seconds / 60.0);
  }

  std::string what_, unit_;
  int64_t total_;
  bool terminal_, shown_ = false;
  Clock::time_point begin_ = Clock::now(), last_{};
};

}  // namespace saker::apps
