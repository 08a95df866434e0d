// Ctrl-C as a question that loops ask.
#pragma once

namespace saker::apps {

// Signals this soon behind the first are one with it: `timeout` and shells signal a process and then its group, with it
// in it.
inline constexpr double kOneSignalSeconds = 0.5;

// While one exists, the first SIGINT (and, if asked for, SIGTERM) is remembered instead of ending the program. A second
// one, kOneSignalSeconds later or more, ends it at once, or is one with the first, where the program goes on after it.
class Interrupt {
 public:
  enum class Second { ends, ignored };
  enum class Signals { interrupt, termination_too };

  explicit Interrupt(Second second = Second::ends, Signals signals = Signals::interrupt);
  Interrupt(const Interrupt&) = delete;
  ~Interrupt();

  bool requested() const noexcept;
  // Forgets the signal and waits for the next.
  void reset() noexcept;

 private:
  Second second_;
  Signals signals_;
};

}  // namespace saker::apps
